import { accessSync, constants, existsSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { OperatorError } from '@holdfast/app-kit';
import { createJiti } from 'jiti';
import { defineConfig, type HoldfastConfig } from './define-config.ts';

const NAMES = ['holdfast.config.ts', 'holdfast.config.js', 'holdfast.config.mjs'];

/**
 * Loads what the system runs, from `HOLDFAST_CONFIG` or the `holdfast.config.ts` (.js, .mjs) of the current folder. TypeScript needs no build.
 * @throws OperatorError of at most five lines: file and line first, then what is wrong
 */
export async function loadConfig(
  env: Readonly<Record<string, string | undefined>> = process.env,
  folder: string = process.cwd(),
): Promise<HoldfastConfig> {
  const file = findConfig(env, folder);
  const jiti = createJiti(import.meta.url, { fsCache: cacheBeside(file) });
  let exported: unknown;
  try {
    exported = defaultOf(await jiti.import(file));
  } catch (error) {
    throw fault(file, folder, error);
  }
  if (exported === undefined) {
    throw new OperatorError(
      `${shown(file, folder)}: has no default export; end it with: export default defineConfig({ flows: [hello] })`,
    );
  }
  try {
    return defineConfig(exported as HoldfastConfig); // looked at there, member by member
  } catch (error) {
    throw fault(file, folder, error);
  }
}

/** @throws OperatorError when there is none */
export function findConfig(
  env: Readonly<Record<string, string | undefined>> = process.env,
  folder: string = process.cwd(),
): string {
  const { HOLDFAST_CONFIG: named } = env;
  if (named) {
    const file = resolve(folder, named);
    if (existsSync(file)) return file;
    throw new OperatorError(
      `${named}: there is no such file (HOLDFAST_CONFIG names it; looked in ${folder})`,
    );
  }
  const found = NAMES.map((name) => resolve(folder, name)).find((file) => existsSync(file));
  if (found) return found;
  throw new OperatorError(
    `holdfast.config.ts: there is none in ${folder}\nStart in the project's folder, name the file by HOLDFAST_CONFIG, or write a first one: npx holdfast init`,
  );
}

/**
 * What was compiled once is kept among the packages that are installed beside the config, where nobody else can put anything; where that is not
 * writable, as in a container, it is compiled at each start.
 */
function cacheBeside(config: string): string | false {
  const installed = join(dirname(config), 'node_modules');
  try {
    accessSync(installed, constants.W_OK);
    return join(installed, '.cache', 'holdfast');
  } catch {
    return false;
  }
}

function defaultOf(module: unknown): unknown {
  return typeof module === 'object' && module !== null && 'default' in module ? module.default : undefined;
}

function fault(config: string, folder: string, error: unknown): OperatorError {
  const what = error instanceof Error ? error.message : String(error);
  const place = placeIn(error, folder);
  const lines = what
    .split('\n')
    .map((line) => line.trimEnd())
    .filter((line) => line !== '');
  const told = lines.map((line) => line.replaceAll(`${folder}/`, '')).slice(0, 4);
  const at = place ?? shown(config, folder);
  return new OperatorError([`${at}: ${told[0] ?? 'could not be loaded'}`, ...told.slice(1)].join('\n'), {
    cause: error,
  });
}

/** Where in the project's own files it went wrong: `<file>:<line>`. */
function placeIn(error: unknown, folder: string): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const inMessage = /((?:file:\/\/)?\/[^\s:()]+\.[cm]?[jt]s):(\d+)/;
  for (const line of `${error.message}\n${error.stack ?? ''}`.split('\n')) {
    const [, path, number] = inMessage.exec(line) ?? [];
    if (path === undefined || path.includes('/node_modules/')) continue;
    const file = path.startsWith('file:') ? fileURLToPath(path) : path;
    if (file.startsWith(`${folder}/`)) return `${relative(folder, file)}:${number}`;
  }
  return undefined;
}

function shown(file: string, folder: string): string {
  const path = relative(folder, file);
  return path.startsWith('..') ? basename(file) : path;
}
