import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Cluster, Redis } from 'ioredis';

/** Reached from `src` and `dist` alike. */
const LUA = new URL('../src/lua/', import.meta.url);

export interface Script {
  readonly source: string;
  readonly sha: string;
}

/** Loads `<name>.lua`, each line `-- @include <lib>` replaced by `lib/<lib>.lua`. */
export function loadScript(name: string): Script {
  const source = readFileSync(new URL(`${name}.lua`, LUA), 'utf8').replace(
    /^-- @include ([a-z-]+)$/gm,
    (_line, lib: string) => readFileSync(new URL(`lib/${lib}.lua`, LUA), 'utf8'),
  );
  return { source, sha: createHash('sha1').update(source).digest('hex') };
}

/** Runs a script by its hash; sends the source when Redis does not have it (first use, SCRIPT FLUSH, another node). */
export async function runScript(
  connection: Redis | Cluster,
  script: Script,
  keys: readonly string[],
  args: readonly (string | number)[],
): Promise<unknown> {
  try {
    return await connection.evalsha(script.sha, keys.length, ...keys, ...args);
  } catch (error) {
    if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error;
    return connection.eval(script.source, keys.length, ...keys, ...args);
  }
}
