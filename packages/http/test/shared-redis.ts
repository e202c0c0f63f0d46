import { startRedis } from '@holdfast/testkit';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach } from 'vitest';
import { redisStore } from '../src/shared/redis-store.ts';
import type { SharedStore } from '../src/shared/shared-store.ts';

export interface Clock {
  nowMs: number;
}

/** One Redis for a file's tests, emptied before each. */
export function sharedRedis() {
  let redis: Awaited<ReturnType<typeof startRedis>> | undefined;
  let connection: Redis | undefined;
  beforeAll(async () => {
    redis = await startRedis(['--appendonly', 'no']);
    connection = new Redis(redis.url, { maxRetriesPerRequest: null });
    connection.on('error', () => {});
  });
  beforeEach(async () => {
    await connection?.flushall();
  });
  afterAll(async () => {
    connection?.disconnect();
    await redis?.stop();
  });
  const connected = (): Redis => {
    if (!connection) throw new Error('Redis is started before the tests');
    return connection;
  };
  return {
    connection: connected,
    /** On Redis' own clock. */
    store: (): SharedStore => redisStore({ connection: connected() }),
    /** On a clock that the test moves. */
    clocked: (): { store: SharedStore; clock: Clock } => {
      const clock = { nowMs: Date.UTC(2026, 0, 31, 12) };
      return { store: redisStore({ connection: connected(), now: () => clock.nowMs }), clock };
    },
  };
}

/** Numbers from 0 to 1 that are the same each time. */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}
