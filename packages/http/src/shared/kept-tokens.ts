import { type Sealer, tagOf } from '@holdfast/redis';
import type { Cluster, Redis } from 'ioredis';
import { z } from 'zod';

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
  write(scope: string, token: KeptToken): Promise<void>;
  /** @returns true for one process at a time, until it unlocks or the time is over */
  lock(scope: string, owner: string, forMs: number): Promise<boolean>;
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
    async write(scope, token) {
      const life =
        token.expiresAtMs === undefined ? KEPT_MS : Math.max(1_000, token.expiresAtMs - Date.now());
      const ttl = token.refreshToken === undefined ? life : KEPT_MS;
      await connection.set(key(scope), sealer.seal(JSON.stringify(token), key(scope)), 'PX', Math.ceil(ttl));
    },
    lock: async (scope, owner, forMs) =>
      (await connection.set(lockKey(scope), owner, 'PX', forMs, 'NX')) === 'OK',
    async unlock(scope, owner) {
      // nobody else takes it before its time is over, so between the two commands it cannot change hands while it is ours
      if ((await connection.get(lockKey(scope))) === owner) await connection.del(lockKey(scope));
    },
  };
}
