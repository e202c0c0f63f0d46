import { runScript, tagOf } from '@holdfast/redis';
import type { Cluster, Redis } from 'ioredis';
import { z } from 'zod';
import { loadScript } from './scripts.ts';

/** Remembers which of several providers a piece of work is bound to, for all workers. */
export interface Pins {
  /**
   * Binds it to the provider wished for, unless an earlier attempt may have had its effect at another.
   * @param hold unique per attempt
   * @returns the provider that it is bound to
   */
  hold(work: string, hold: string, wish: string): Promise<string>;
  /** The attempt did nothing: it binds no longer. */
  letGo(work: string, hold: string): Promise<void>;
}

export interface RedisPinsOptions {
  /** Stays the caller's to close. */
  readonly connection: Redis | Cluster;
  /** Default: the engine's. */
  readonly prefix?: string;
}

/** Longer than any provider remembers a key: by then an attempt in doubt is with a person. */
const KEEP_MS = 7 * 24 * 60 * 60 * 1000;

const HOLD = loadScript('hold-pin');

export function redisPins({ connection, prefix = tagOf(connection) }: RedisPinsOptions): Pins {
  const key = (work: string) => `${prefix}/pin/${work}`;
  return {
    hold: async (work, hold, wish) =>
      z.string().parse(await runScript(connection, HOLD, [key(work)], [hold, wish, KEEP_MS])),
    letGo: async (work, hold) => {
      await connection.hdel(key(work), `hold:${hold}`);
    },
  };
}
