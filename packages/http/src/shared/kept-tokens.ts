import { runScript, type Sealer, tagOf } from '@holdfast/redis';
import type { Cluster, Redis } from 'ioredis';
import { z } from 'zod';
import { loadScript } from './scripts.ts';

const KeptToken = z.object({
  value: z.string(),
  /** Unix milliseconds. */
  expiresAtMs: z.number().optional(),
  refreshToken: z.string().optional(),
});
export type KeptToken = z.infer<typeof KeptToken>;

/** Tokens that all processes share, encrypted. */
export interface KeptTokens {
  read(scope: string): Promise<KeptToken | undefined>;
  /**
   * @param lock the number of the lock under which it was asked for
   * @returns false when a later owner of the lock has kept one already: this one is of no use then
   */
  write(scope: string, token: KeptToken, lock: number): Promise<boolean>;
  /** @returns its number, for one process at a time, until it unlocks or the time is over; undefined while another one has it */
  lock(scope: string, owner: string, forMs: number): Promise<number | undefined>;
  unlock(scope: string, owner: string): Promise<void>;
}

export interface RedisTokensOptions {
  /** Stays the caller's to close. */
  readonly connection: Redis | Cluster;
  readonly sealer: Sealer;
  /** Default: the engine's. */
  readonly prefix?: string;
}

/** A refresh token that nobody has used for so long is given up. */
const KEPT_MS = 400 * 24 * 60 * 60 * 1_000;

const SCRIPTS = {
  lock: loadScript('lock-token'),
  unlock: loadScript('unlock-token'),
  keep: loadScript('keep-token'),
};
const Locked = z.union([z.literal('held'), z.number()]);
const Kept = z.enum(['kept', 'superseded']);

export function redisTokens({
  connection,
  sealer,
  prefix = tagOf(connection),
}: RedisTokensOptions): KeptTokens {
  const key = (scope: string) => `${prefix}/token/${scope}`;
  const lockKey = (scope: string) => `${prefix}/token-lock/${scope}`;
  return {
    async read(scope) {
      const sealed = await connection.get(key(scope));
      return sealed === null ? undefined : KeptToken.parse(JSON.parse(sealer.open(sealed, key(scope))));
    },
    async write(scope, token, lock) {
      const life =
        token.expiresAtMs === undefined ? KEPT_MS : Math.max(1_000, token.expiresAtMs - Date.now());
      const ttl = Math.ceil(token.refreshToken === undefined ? life : KEPT_MS);
      const sealed = sealer.seal(JSON.stringify(token), key(scope));
      const keys = [key(scope), `${lockKey(scope)}/kept`];
      return Kept.parse(await runScript(connection, SCRIPTS.keep, keys, [lock, sealed, ttl])) === 'kept';
    },
    async lock(scope, owner, forMs) {
      const keys = [lockKey(scope), `${lockKey(scope)}/number`];
      const reply = Locked.parse(await runScript(connection, SCRIPTS.lock, keys, [owner, forMs, KEPT_MS]));
      return reply === 'held' ? undefined : reply;
    },
    async unlock(scope, owner) {
      await runScript(connection, SCRIPTS.unlock, [lockKey(scope)], [owner]);
    },
  };
}
