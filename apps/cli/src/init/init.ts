import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { OperatorError } from '@holdfast/app-kit';
import { z } from 'zod';
import type { Commands } from '../cli.ts';
import { TEMPLATES } from './templates.ts';

const Manifest = z.looseObject({
  scripts: z.record(z.string(), z.string()).optional(),
  dependencies: z.record(z.string(), z.string()).optional(),
  devDependencies: z.record(z.string(), z.string()).optional(),
});
type Manifest = z.infer<typeof Manifest>;

/** What the files import; exact, as tried with them. */
const NEEDED = { zod: '4.6.7' } as const;
const NEEDED_FOR_TESTS = { vitest: '4.1.12' } as const;
const NPMS_PLACEHOLDER = /no test specified/;

/** @param version of Holdfast itself, for a project that has not installed it yet */
export function addInitCommand({ program, io }: Commands, version: string): void {
  program
    .command('init')
    .description('creates a first project here: a config, a flow and its test; overwrites nothing')
    .action(() => {
      const folder = process.cwd();
      const manifest = readManifest(folder);
      for (const [name, text] of Object.entries(TEMPLATES)) {
        io.out(`${writeNew(join(folder, name), text) ? 'wrote ' : 'left  '} ${name}\n`);
      }
      const completed = complete(manifest, version);
      if (JSON.stringify(completed) !== JSON.stringify(manifest)) {
        writeFileSync(join(folder, 'package.json'), `${JSON.stringify(completed, null, 2)}\n`);
        io.out('wrote  package.json\n');
      }
      install(folder);
      io.out('\nNext: npx holdfast dev\n');
    });
}

/** @throws OperatorError without one that can be read */
function readManifest(folder: string): Manifest {
  const file = join(folder, 'package.json');
  if (!existsSync(file)) {
    throw new OperatorError(`There is no package.json in ${folder}. Run \`npm init -y\` there first.`);
  }
  try {
    return Manifest.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch (error) {
    throw new OperatorError('package.json is not valid JSON. Fix it first.', { cause: error });
  }
}

/** @returns false for a file that exists, which is left as it is */
function writeNew(file: string, text: string): boolean {
  if (existsSync(file)) return false;
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  return true;
}

/** Adds what is missing, and changes nothing else. */
function complete(manifest: Manifest, version: string): Manifest {
  const { scripts = {}, dependencies = {}, devDependencies = {} } = manifest;
  const { test } = scripts;
  const has = { ...devDependencies, ...dependencies };
  const missing = (wanted: Readonly<Record<string, string>>) =>
    Object.fromEntries(Object.entries(wanted).filter(([name]) => !(name in has)));
  return {
    ...manifest,
    scripts: {
      ...scripts,
      dev: scripts.dev ?? 'holdfast dev',
      test: test === undefined || NPMS_PLACEHOLDER.test(test) ? 'vitest run' : test,
    },
    dependencies: { ...dependencies, ...missing({ holdfast: version, ...NEEDED }) },
    devDependencies: { ...devDependencies, ...missing(NEEDED_FOR_TESTS) },
  };
}

/** @throws OperatorError when npm could not */
function install(folder: string): void {
  const { status } = spawnSync('npm', ['install', '--no-audit', '--no-fund', '--silent'], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  if (status !== 0) throw new OperatorError('`npm install` failed; fix the error above and run it again.');
}
