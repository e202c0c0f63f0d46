import { defineFlow, RejectedError } from '@holdfast/engine';
import { crashEverywhere, type Providers } from '@holdfast/testkit';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { connectPostgres, postgres } from '../src/index.ts';
import { hasPostgres, type PostgresServer, startPostgres } from './support/postgres-server.ts';

const db = postgres();
let server: PostgresServer;
let admin: pg.Client;
let connected: { close(): Promise<void> };

/** Two tables and a payment in between; every row carries the key that it was written under. */
const saga = (refused: boolean) => (providers: Providers) =>
  defineFlow({
    name: 'saga',
    version: 1,
    input: z.string(),
    output: z.number(),
    async run(ctx, item) {
      const order = await ctx.step(
        'insert',
        db.transaction(
          async (tx, call) => {
            const { rows } = await tx.query<{ id: number }>(
              'INSERT INTO orders (item, key) VALUES ($1, $2) RETURNING id',
              [item, call.idempotencyKey],
            );
            return Number(rows[0]?.id);
          },
          {
            undo: async (id, tx, call) => {
              await tx.query('DELETE FROM orders WHERE id = $1', [id]);
              await tx.query('INSERT INTO undone (key) VALUES ($1)', [call.idempotencyKey]);
            },
            retry: { first: '1ms', max: '1ms' },
          },
        ),
      );
      await ctx.step(
        'charge',
        providers.step('charge', {
          ...(refused && {
            refuses: () => new RejectedError({ code: 'declined', message: 'no', settlesDoubt: true }),
          }),
        }),
      );
      await ctx.step(
        'ledger',
        db.transaction(
          async (tx, call) => {
            await tx.query('INSERT INTO ledger (key) VALUES ($1)', [call.idempotencyKey]);
          },
          { retry: { first: '1ms', max: '1ms' } },
        ),
      );
      return order;
    },
  });

/** All executions have the same run, so each begins with a table of effects that knows nothing. */
const newExecution = () => admin.query('TRUNCATE holdfast_effects; INSERT INTO executions DEFAULT VALUES');

/** Rows of a table in all executions, and the most that one of them has. */
async function rowsIn(table: string): Promise<{ all: number; most: number }> {
  const { rows } = await admin.query(
    `SELECT coalesce(sum(n), 0)::int AS all, coalesce(max(n), 0)::int AS most
     FROM (SELECT count(*) AS n FROM ${table} GROUP BY execution) AS counted`,
  );
  return rows[0];
}

describe.skipIf(!hasPostgres)('a worker that dies anywhere', () => {
  beforeAll(async () => {
    server = await startPostgres();
    admin = new pg.Client({ connectionString: server.url });
    await admin.connect();
    // without unique keys, so that a second row is seen
    await admin.query(`
      CREATE TABLE executions (n serial);
      CREATE FUNCTION this_one() RETURNS int LANGUAGE sql AS 'SELECT max(n) FROM executions';
      CREATE TABLE orders (id serial, item text, key text, execution int DEFAULT this_one());
      CREATE TABLE ledger (key text, execution int DEFAULT this_one());
      CREATE TABLE undone (key text, execution int DEFAULT this_one());
      CREATE TABLE holdfast_effects (key text PRIMARY KEY, result json, done_at timestamptz NOT NULL DEFAULT now())`);
    connected = connectPostgres(db, { HOLDFAST_POSTGRES_URL: server.url });
  });
  afterAll(async () => {
    await connected?.close();
    await admin?.end();
    await server?.stop();
  });
  beforeEach(() => admin.query('TRUNCATE executions, orders, ledger, undone'));

  // that the steps of the database only ask is what the invented provider sees of them
  const scenario = { looks: ['insert', 'ledger'], pairs: 20, atOnce: newExecution };
  const none = { all: 0, most: 0 };

  it('leaves each row once', async () => {
    const { executions, pairs } = await crashEverywhere(saga(false), 'TEE-M', {
      ...scenario,
      expect: ({ run }) => expect(run.status).toBe('completed'),
    });
    const once = { all: 1 + executions + pairs, most: 1 };
    expect(executions).toBeGreaterThan(40);
    expect(await rowsIn('orders')).toEqual(once);
    expect(await rowsIn('ledger')).toEqual(once);
    expect(await rowsIn('undone')).toEqual(none);
  }, 120_000);

  it('leaves nothing of an order whose payment is refused, and undoes it once', async () => {
    const { executions, pairs } = await crashEverywhere(saga(true), 'TEE-M', {
      ...scenario,
      expect: ({ run }) => expect(run.status).toBe('failed'),
    });
    expect(await rowsIn('orders')).toEqual(none);
    expect(await rowsIn('ledger')).toEqual(none);
    expect(await rowsIn('undone')).toEqual({ all: 1 + executions + pairs, most: 1 });
  }, 120_000);
});
