import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fromFiles, OperatorError, readConfig, url as urlType } from '@holdfast/app-kit';
import { z } from 'zod';
import type { Io } from './io.ts';

/** What `npm start` writes while everything is ready, as far as it is used here. */
const SystemFile = z.object({
  apiKey: z.string(),
  redis: z.object({ url: z.string() }),
  api: z.object({ url: z.string() }),
});
type SystemFile = z.infer<typeof SystemFile>;

/**
 * Where Redis is: as told, else as HOLDFAST_REDIS_URL says, else that of the system that runs here.
 * @throws OperatorError when nothing tells
 */
export function redisUrlOf(io: Io, told: string | undefined): string {
  const url =
    told || fromFiles(io.env, ['HOLDFAST_REDIS_URL']).HOLDFAST_REDIS_URL || readSystemFile(io)?.redis.url;
  if (url) return url;
  throw new OperatorError(
    `Which Redis? HOLDFAST_REDIS_URL is not set, and no local system is running (no ${systemFile(io)}).\nSet it, or give --redis redis://host:port, or start a system with npm start.`,
  );
}

/**
 * Where the API is and the key for it: HOLDFAST_API_URL and HOLDFAST_API_KEY, else those of the system that runs here.
 * @throws OperatorError when nothing tells; ConfigError when the URL is none
 */
export function apiOf(io: Io): { readonly url: string; readonly key: string } {
  const given = readConfig(
    { HOLDFAST_API_URL: urlType('http:', 'https:').optional(), HOLDFAST_API_KEY: z.string().optional() },
    io.env,
  );
  const running = given.HOLDFAST_API_URL && given.HOLDFAST_API_KEY ? undefined : readSystemFile(io);
  const url = given.HOLDFAST_API_URL ?? running?.api.url;
  // the key of one system is not shown to another
  const key = given.HOLDFAST_API_KEY ?? (given.HOLDFAST_API_URL ? undefined : running?.apiKey);
  if (url && key) return { url, key };
  throw new OperatorError(
    url
      ? `Which key for ${url}? Set HOLDFAST_API_KEY to a key with the required scope.`
      : `Which API? HOLDFAST_API_URL is not set, and no local system is running (${systemFile(io)} is not there).\nSet it and HOLDFAST_API_KEY, or start a system with npm start.`,
  );
}

function readSystemFile(io: Io): SystemFile | undefined {
  let text: string;
  try {
    text = readFileSync(systemFile(io), 'utf8');
  } catch {
    return undefined;
  }
  const parsed = SystemFile.safeParse(parseJson(text));
  if (parsed.success) return parsed.data;
  throw new OperatorError(
    `${systemFile(io)} was not written by this version of npm start.\nStart the system again.`,
  );
}

function systemFile(io: Io): string {
  return join(io.env.HOLDFAST_HOME || '.holdfast', 'processes.json');
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
