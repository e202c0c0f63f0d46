import { setTimeout as delay } from 'node:timers/promises';
import { createClient, defineFlow, isTerminal, startWorker } from '@holdfast/engine';
import { startRedis, type TestRedis, waitFor } from '@holdfast/testkit';
import { Redis } from 'ioredis';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { connectPostgres, postgres } from '../src/index.ts';
import { hasPgbouncer, startPgbouncer } from './support/pgbouncer.ts';
import { hasPostgres, type PostgresServer, startPostgres } from './support/postgres-server.ts';

const RUNS = 60;
const TENANT = 't';
const db = postgres();
// patient: a server that starts again takes a while
const options = { retry: { attempts: 200, first: '50ms', max: '200ms' }, timeout: '2s' } as const;
const insert = (n: number) =>
  db.transaction(async (tx) => {
    await tx.query('INSERT INTO pushed (n) VALUES ($1)', [n]);
    await tx.query('SELECT pg_sleep(0.01)');
  }, options);

const push = defineFlow({
  name: 'push',
  version: 1,
  input: z.number(),
  output: z.number(),
  async run(ctx, n) {
    await ctx.step('one', insert(n));
    await ctx.step('other', insert(-n));
    return n;
  },
});
const log = { debug() {}, info() {}, warn() {}, error() {} };

let server: PostgresServer;
let redis: TestRedis;

/** Runs that write while `meanwhile` happens; resolves once all have ended. */
async function runAll(url: string, meanwhile: () => Promise<void>): Promise<readonly string[]> {
  const connection = new Redis(redis.url, { maxRetriesPerRequest: null });
  await connection.flushall();
  const flows = [push];
  const connected = connectPostgres(db, { HOLDFAST_POSTGRES_URL: url, HOLDFAST_POSTGRES_POOL: '5' });
  const client = createClient({ connection, flows });
  const worker = startWorker({ connection, redisUrls: [redis.url], flows, log, concurrency: 10 });
  try {
    const ids: string[] = [];
    for (let input = 1; input <= RUNS; input += 1) {
      const key = `push-${input}`;
      const request = { flow: push.name, input, tenant: TENANT, idempotencyKey: key, fingerprint: key };
      const reply = await client.submit(request);
      if (reply.outcome !== 'key_reused') ids.push(reply.run.id);
    }
    await meanwhile();
    return await Promise.all(
      ids.map((id) =>
        waitFor(
          async () => {
            const run = await client.getRun(TENANT, id);
            return run && (isTerminal(run.status) || run.status === 'dead') && run.status;
          },
          { what: `${id} to end`, timeoutMs: 60_000, everyMs: 250 },
        ),
      ),
    );
  } finally {
    await worker.close();
    await connected.close();
    connection.disconnect();
  }
}

async function written(): Promise<{ rows: number; numbers: number }> {
  const admin = new pg.Client({ connectionString: server.url });
  await admin.connect();
  const { rows } = await admin.query(
    'SELECT count(*)::int AS rows, count(DISTINCT n)::int AS numbers FROM pushed',
  );
  await admin.end();
  return rows[0];
}

describe.skipIf(!hasPostgres)('PostgreSQL dies in the middle', () => {
  beforeAll(async () => {
    [server, redis] = await Promise.all([startPostgres(), startRedis()]);
  });
  afterAll(async () => {
    await redis?.stop();
    await server?.stop();
  });
  beforeEach(async () => {
    const admin = new pg.Client({ connectionString: server.url });
    await admin.connect();
    await admin.query('DROP TABLE IF EXISTS pushed, holdfast_effects; CREATE TABLE pushed (n int)');
    await admin.end();
  });

  const killTwice = async () => {
    for (let time = 0; time < 2; time += 1) {
      const before = (await written()).rows;
      await waitFor(async () => (await written()).rows > before + 5, { what: 'rows to be written' });
      await server.kill();
      await delay(300);
      await server.start();
    }
  };
  const exactly = { rows: 2 * RUNS, numbers: 2 * RUNS };

  it('and every row is there once when it is back', async () => {
    const statuses = await runAll(server.url, killTwice);
    expect(new Set(statuses)).toEqual(new Set(['completed']));
    expect(await written()).toEqual(exactly);
  }, 120_000);

  it.skipIf(!hasPgbouncer)(
    'behind pgbouncer in transaction mode as well',
    async () => {
      const bouncer = await startPgbouncer(server.port);
      try {
        const statuses = await runAll(bouncer.url, killTwice);
        expect(new Set(statuses)).toEqual(new Set(['completed']));
        expect(await written()).toEqual(exactly);
      } finally {
        await bouncer.stop();
      }
    },
    120_000,
  );
});
