import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Cluster, Redis } from 'ioredis';
import { sendInOneWrite } from './one-write.ts';

/** Reached from `src/journal` and `dist/journal` alike. */
const LUA = new URL('../../src/journal/lua/', import.meta.url);

export type ScriptReply = string | number | null | readonly ScriptReply[];

export interface Script {
  readonly name: string;
  readonly source: string;
  readonly sha: string;
}

/** Loads `<name>.lua`, each line `-- @include <lib>` replaced by `lib/<lib>.lua`. */
export function loadScript(name: string): Script {
  const source = readFileSync(new URL(`${name}.lua`, LUA), 'utf8').replace(
    /^-- @include ([a-z-]+)$/gm,
    (_line, lib: string) => readFileSync(new URL(`lib/${lib}.lua`, LUA), 'utf8'),
  );
  return { name, source, sha: createHash('sha1').update(source).digest('hex') };
}

/** Runs a script by its hash; sends the source when Redis does not have it (first use, SCRIPT FLUSH, another node). */
export async function runScript(
  connection: Redis | Cluster,
  script: Script,
  keys: readonly string[],
  args: readonly (string | number)[],
): Promise<ScriptReply> {
  sendInOneWrite(connection);
  try {
    return (await connection.evalsha(script.sha, keys.length, ...keys, ...args)) as ScriptReply;
  } catch (error) {
    if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error;
    return runWholeScript(connection, script, keys, args);
  }
}

/** Sends the source each time, for a script that something sent after it relies on: a second sending would come too late. */
export async function runWholeScript(
  connection: Redis | Cluster,
  script: Script,
  keys: readonly string[],
  args: readonly (string | number)[],
): Promise<ScriptReply> {
  sendInOneWrite(connection);
  return (await connection.eval(script.source, keys.length, ...keys, ...args)) as ScriptReply;
}
