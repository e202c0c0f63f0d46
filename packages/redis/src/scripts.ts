import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Cluster, Redis } from 'ioredis';
import { sendInOneWrite } from './one-write.ts';

export type ScriptReply = string | number | null | readonly ScriptReply[];

export interface Script {
  readonly name: string;
  readonly source: string;
  readonly sha: string;
}

/**
 * A folder of Lua files.
 * @returns loads `<name>.lua` of it, each line `-- @include <lib>` replaced by `lib/<lib>.lua`
 */
export function scriptsIn(folder: URL): (name: string) => Script {
  const read = (path: string) => readFileSync(new URL(`${path}.lua`, folder), 'utf8');
  return (name) => {
    const source = read(name).replace(/^-- @include ([a-z-]+)$/gm, (_line, lib: string) =>
      read(`lib/${lib}`),
    );
    return { name, source, sha: createHash('sha1').update(source).digest('hex') };
  };
}

/** Runs a script by its hash; sends the source when Redis does not have it (first use, SCRIPT FLUSH, another node). */
export function runScript(
  connection: Redis | Cluster,
  script: Script,
  keys: readonly string[],
  args: readonly (string | number)[],
): Promise<ScriptReply> {
  return byHash(connection, script, keys, args).catch((error: unknown) => {
    if (isUnknownScript(error)) return bySource(connection, script, keys, args);
    throw error;
  });
}

function byHash(
  connection: Redis | Cluster,
  script: Script,
  keys: readonly string[],
  args: readonly (string | number)[],
): Promise<ScriptReply> {
  sendInOneWrite(connection);
  return connection.evalsha(script.sha, keys.length, ...keys, ...args) as Promise<ScriptReply>;
}

function bySource(
  connection: Redis | Cluster,
  script: Script,
  keys: readonly string[],
  args: readonly (string | number)[],
): Promise<ScriptReply> {
  sendInOneWrite(connection);
  return connection.eval(script.source, keys.length, ...keys, ...args) as Promise<ScriptReply>;
}

function isUnknownScript(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('NOSCRIPT');
}
