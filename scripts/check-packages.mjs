// `npm run check:packages`: holds what people install, after `npm run pack`. `--update` writes the API reports anew and does nothing else.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../', import.meta.url));
const TOOLS = join(ROOT, 'tools/package-checks');

install();
if (process.argv.includes('--update')) {
  run(process.execPath, [join(TOOLS, 'api-report.mjs'), '--update']);
} else {
  run(process.execPath, [join(TOOLS, 'tarballs.mjs')]);
  run(process.execPath, [join(TOOLS, 'api-report.mjs')]);
  run(process.execPath, [join(TOOLS, 'node_modules/knip/bin/knip.js'), '--no-progress', '--no-config-hints']);
  console.log('knip finds no dead file, export or dependency');
}

/** The tools are installed when their lock says something else than what is installed. */
function install() {
  const lock = readFileSync(join(TOOLS, 'package-lock.json'), 'utf8');
  const installed = join(TOOLS, 'node_modules/.package-lock.json');
  const wanted = Object.entries(JSON.parse(lock).packages).filter(
    ([path, { optional }]) => path && !optional,
  );
  const present = existsSync(installed) ? JSON.parse(readFileSync(installed, 'utf8')).packages : {};
  if (wanted.every(([path, { version }]) => present[path]?.version === version)) return;
  run('npm', ['ci', '--no-audit', '--no-fund', '--silent'], TOOLS);
}

function run(command, args, cwd = ROOT) {
  const { status, error } = spawnSync(command, args, { cwd, stdio: 'inherit' });
  if (error) throw error;
  if (status !== 0) process.exit(status ?? 1);
}
