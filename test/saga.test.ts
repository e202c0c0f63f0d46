import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { type Processes, readSettings, type System, startSystem } from '@holdfast/local';
import { askOk } from '@holdfast/prove';
import { waitFor } from '@holdfast/testkit';
import pg from 'pg';
import { Connection } from 'rabbitmq-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  hasPostgres,
  type PostgresServer,
  startPostgres,
} from '../packages/postgres/test/support/postgres-server.ts';
import {
  hasRabbitmq,
  type RabbitmqServer,
  startRabbitmq,
} from '../packages/rabbitmq/test/support/rabbitmq-server.ts';

/** examples/saga as `holdfast dev` runs it: a real PostgreSQL, a real RabbitMQ, and a server in the place of the card provider. */
const EXAMPLE = fileURLToPath(new URL('../examples/saga', import.meta.url));
const PATIENCE_MS = 90_000;
const home = mkdtempSync(join(tmpdir(), 'holdfast-saga-'));

/** Keeps keys, as a card provider does. */
const charges = new Map<string, { id: string; amount: number; refunded: boolean }>();
const cards = createServer(async (message, response) => {
  const body = await text(message);
  const json = (status: number, value: unknown) =>
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
  const refund = /^\/charges\/(\w+)\/refund$/.exec(message.url ?? '');
  if (refund) {
    for (const charge of charges.values()) if (charge.id === refund[1]) charge.refunded = true;
    return json(200, { id: `re_${refund[1]}` });
  }
  const key = String(message.headers['idempotency-key']);
  const { amount } = JSON.parse(body);
  if (amount === 13) return json(402, { error: { code: 'card_declined', message: 'no' } });
  const charge = charges.get(key) ?? { id: `ch_${charges.size + 1}`, amount, refunded: false };
  charges.set(key, charge);
  // time enough to be killed in
  setTimeout(() => json(200, { id: charge.id }), 50);
});

let system: System;
let processes: Processes;
let postgres: PostgresServer;
let rabbitmq: RabbitmqServer;
let sql: pg.Client;
let amqp: Connection;

const submit = (key: string, amount: number, wait = 30) =>
  askOk(`${processes.api.url}/v1/flows/place-order/runs`, {
    method: 'POST',
    headers: { authorization: `Bearer ${processes.apiKey}`, 'idempotency-key': key, prefer: `wait=${wait}` },
    body: { sku: key, amount },
  }).then(({ body }) => body as { id: string; status: string; error?: { code: string } });

async function connectSql(): Promise<void> {
  sql = new pg.Client({ connectionString: postgres.url });
  // its server is killed
  sql.on('error', () => {});
  await sql.connect();
}

async function orders(): Promise<string[]> {
  const { rows } = await sql.query('SELECT sku FROM orders ORDER BY sku');
  return rows.map(({ sku }) => sku);
}

async function announced(): Promise<{ sku: string; id: string }[]> {
  const found = [];
  for (;;) {
    const message = await amqp.basicGet({ queue: 'warehouse', noAck: true });
    if (!message) return found;
    found.push({ sku: message.body.sku as string, id: String(message.messageId) });
  }
}

describe.skipIf(!hasPostgres || !hasRabbitmq)('an order in a database, at a provider and in a queue', () => {
  beforeAll(async () => {
    cards.listen(0, '127.0.0.1');
    await once(cards, 'listening');
    [postgres, rabbitmq] = await Promise.all([startPostgres(), startRabbitmq()]);
    await connectSql();
    await sql.query('CREATE TABLE orders (id serial PRIMARY KEY, sku text, amount int)');
    amqp = new Connection({ url: rabbitmq.url });
    amqp.on('error', () => {});
    await amqp.queueDeclare({ queue: 'warehouse', durable: true });
    const address = cards.address();
    if (address === null || typeof address === 'string') throw new Error('no TCP address');
    const settings = readSettings(
      {
        PATH: process.env.PATH,
        HOLDFAST_HOME: home,
        HOLDFAST_CONFIG: join(EXAMPLE, 'holdfast.config.ts'),
        ...{ HOLDFAST_REDIS_PORT: '0', HOLDFAST_API_PORT: '0', HOLDFAST_DASHBOARD_PORT: '0' },
        HOLDFAST_RETRY_SCALE: '0.02',
        HOLDFAST_SHOP_DB_URL: postgres.url,
        HOLDFAST_RABBITMQ_URL: rabbitmq.url,
        ...{ HOLDFAST_CARDS_URL: `http://127.0.0.1:${address.port}`, HOLDFAST_CARDS_KEY: 'sk_test' },
      },
      { workers: 2, sandbox: false },
    );
    system = await startSystem(settings, {
      reset: false,
      onEvent: () => {},
      signal: new AbortController().signal,
    });
    processes = JSON.parse(readFileSync(join(home, 'processes.json'), 'utf8'));
  }, PATIENCE_MS);
  afterAll(async () => {
    await system?.stop();
    await sql?.end();
    await amqp?.close();
    await Promise.all([postgres?.stop(), rabbitmq?.stop()]);
    cards.close();
    cards.closeAllConnections();
    rmSync(home, { recursive: true, force: true });
  }, PATIENCE_MS);

  it(
    'is all or nothing',
    async () => {
      expect(await submit('good', 100)).toMatchObject({ status: 'completed' });
      expect(await submit('declined', 13)).toMatchObject({
        status: 'failed',
        error: { code: 'card_declined' },
      });
      expect(await orders()).toEqual(['good']);
      expect((await announced()).map(({ sku }) => sku)).toEqual(['good']);
    },
    PATIENCE_MS,
  );

  it(
    'is there once, whichever worker and server died in the middle',
    async () => {
      const keys = Array.from({ length: 60 }, (_, n) => `order-${String(n).padStart(2, '0')}`);
      const runs = await Promise.all(keys.map((key) => submit(key, 100, 0)));
      const current = (): Processes => JSON.parse(readFileSync(join(home, 'processes.json'), 'utf8'));
      process.kill(current().workers[0]?.pid ?? 0, 'SIGKILL');
      await postgres.kill();
      await postgres.start();
      process.kill(current().workers[1]?.pid ?? 0, 'SIGKILL');
      for (const { id } of runs) {
        await waitFor(
          async () => {
            const { body } = await askOk(`${processes.api.url}/v1/runs/${id}`, {
              headers: { authorization: `Bearer ${processes.apiKey}` },
            });
            return (body as { status: string }).status === 'completed';
          },
          { what: `${id} to be completed`, timeoutMs: 60_000, everyMs: 200 },
        );
      }
      await sql.end().catch(() => {});
      sql = new pg.Client({ connectionString: postgres.url });
      await sql.connect();
      expect(await orders()).toEqual(['good', ...keys]);
      expect([...charges.values()].filter(({ refunded }) => !refunded)).toHaveLength(61);
      const ids = new Set((await announced()).map(({ id }) => id));
      // a message may come twice, under one id
      expect(ids.size).toBe(60);
    },
    PATIENCE_MS,
  );
});
