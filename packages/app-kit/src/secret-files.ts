import { createHash } from 'node:crypto';
import { readFileSync, unwatchFile, watchFile } from 'node:fs';
import { ConfigError } from './config-error.ts';
import type { Logger } from './logger.ts';

type Environment = Readonly<Record<string, string | undefined>>;

const MOST_BYTES = 64 * 1024;
const LOOK_EVERY_MS = 1_000;

/**
 * The environment with the content of `HOLDFAST_…_FILE` in the place of each variable that has one. What holds several values may be in several
 * lines. Such a variable then counts as given.
 * @param names of the variables that are looked at
 * @throws ConfigError when a variable is there in both ways, or its file cannot be read; its content is not shown
 */
export function fromFiles(env: Environment, names: readonly string[]): Environment {
  const found = names.filter((name) => env[fileVariable(name)]);
  const faults = found.flatMap((name) => {
    if (!env[name]) return [];
    return [{ variable: name, message: `is set together with ${fileVariable(name)}; set only one of them` }];
  });
  if (faults.length > 0) throw new ConfigError(faults);
  const read = found.map((name) => [name, contentOf(name, env[fileVariable(name)] ?? '')] as const);
  const files = found.map((name) => [fileVariable(name), undefined] as const);
  return { ...env, ...Object.fromEntries(read), ...Object.fromEntries(files) };
}

export function fileVariable(name: string): string {
  return `${name}_FILE`;
}

function contentOf(name: string, path: string): string {
  const fault = (message: string) => new ConfigError([{ variable: fileVariable(name), message }]);
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw fault(`cannot be read: ${path} (${code ?? 'unknown error'})`);
  }
  if (bytes.length > MOST_BYTES) throw fault(`is larger than 64 KiB: ${path}`);
  const text = bytes
    .toString('utf8')
    .trim()
    .replaceAll(/\s*[\r\n]+\s*/g, ' ');
  if (text === '') throw fault(`is empty: ${path}`);
  return text;
}

/**
 * Looks at all files that variables name, and calls `apply` when the content of one has changed. What does not fit then is logged, and what was
 * there before goes on.
 * @returns ends it
 */
export function watchSecretFiles(
  env: Environment,
  log: Logger,
  apply: () => void | Promise<void>,
): () => void {
  const files = Object.entries(env).flatMap(([name, path]) =>
    /^HOLDFAST_\w+_FILE$/.test(name) && path ? [{ name, path }] : [],
  );
  const ends = files.map(({ name, path }) => {
    let known = digestOf(path);
    const look = async () => {
      const now = digestOf(path);
      // a file that is being replaced may be away, or empty, for a moment
      if (now === known || now === undefined) return;
      known = now;
      try {
        await apply();
        log.info({ variable: name, file: path }, 'a secret file has changed; its new content is in use');
      } catch (error) {
        const why = error instanceof ConfigError ? error.message : undefined;
        log.error(
          { variable: name, file: path, ...(why === undefined && { err: error }) },
          `a secret file has changed and cannot be used; its previous content stays in use. ${why ?? ''}`.trim(),
        );
      }
    };
    const listener = () => void look();
    watchFile(path, { interval: LOOK_EVERY_MS, persistent: false }, listener);
    return () => unwatchFile(path, listener);
  });
  return () => {
    for (const end of ends) end();
  };
}

function digestOf(path: string): string | undefined {
  try {
    const bytes = readFileSync(path);
    return bytes.length === 0 ? undefined : createHash('sha256').update(bytes).digest('hex');
  } catch {
    return undefined;
  }
}
