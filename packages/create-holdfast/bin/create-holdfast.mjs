#!/usr/bin/env node
// npm create holdfast <folder>: makes the folder a package with Holdfast installed, and lets `holdfast init` write the rest.
// `--from <folder>` installs from the tarballs in a folder instead of the registry.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';

const USAGE =
  'Usage: npm create holdfast <folder>, or npx create-holdfast <folder> [--from <folder of tarballs>]';

const { folder, from } = read();
const target = resolve(folder);
mkdirSync(target, { recursive: true });
if (!existsSync(join(target, 'package.json'))) run('npm', ['init', '-y', '--silent']);
run('npm', ['install', '--no-audit', '--no-fund', '--silent', ...packages()]);
run(process.execPath, [join(target, 'node_modules', 'holdfast', 'bin', 'holdfast.mjs'), 'init']);
console.log(`\nNext:\n  cd ${folder}\n  npx holdfast dev`);

function read() {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: { from: { type: 'string' }, help: { type: 'boolean', short: 'h' } },
    });
    if (values.help) {
      console.log(USAGE);
      process.exit(0);
    }
    if (positionals.length === 1) return { folder: positionals[0], from: values.from };
  } catch (error) {
    console.error(error.message);
  }
  console.error(USAGE);
  process.exit(2);
}

/** All tarballs, since they need one another, but for this package's own. */
function packages() {
  if (from === undefined) return ['holdfast'];
  const tarballs = readdirSync(from).filter((name) => name.endsWith('.tgz') && !name.startsWith('create-'));
  if (tarballs.length > 0) return tarballs.map((name) => resolve(from, name));
  console.error(`--from: there are no tarballs in ${from}; \`npm run pack\` writes them`);
  process.exit(1);
}

function run(command, args) {
  const { status, error } = spawnSync(command, args, { cwd: target, stdio: ['ignore', 'ignore', 'inherit'] });
  if (status === 0) return;
  console.error(error ? error.message : `${command} ${args[0]} failed`);
  process.exit(1);
}
