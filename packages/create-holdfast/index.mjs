import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';

export function createProject({ folder, from }) {
  const packages = packagesOf(from);
  const cwd = resolve(folder);
  mkdirSync(cwd, { recursive: true });
  const run = (command, args) => {
    const { status, error } = spawnSync(command, args, { cwd, stdio: ['ignore', 'ignore', 'inherit'] });
    if (status !== 0) throw error ?? new Error(`${command} ${args[0]} failed`);
  };
  if (!existsSync(join(cwd, 'package.json'))) run('npm', ['init', '-y', '--silent']);
  run('npm', ['install', '--no-audit', '--no-fund', '--silent', ...packages]);
  run(process.execPath, [join(cwd, 'node_modules', 'holdfast', 'bin', 'holdfast.mjs'), 'init']);
}

/** All tarballs, since they need one another, but for this package's own. */
function packagesOf(from) {
  if (from === undefined) return ['holdfast'];
  const tarballs = existsSync(from)
    ? readdirSync(from).filter((name) => name.endsWith('.tgz') && !name.startsWith('create-'))
    : [];
  if (tarballs.length > 0) return tarballs.map((name) => resolve(from, name));
  throw new Error(
    `--from: ${from} has no tarballs (.tgz). \`npm run pack\` in Holdfast's repository writes them.`,
  );
}
