import { RejectedError, type StepCall } from '@holdfast/engine';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { connectPostgres, type Postgres, postgres, upsert } from '../src/index.ts';
import { type CuttingProxy, startCuttingProxy } from './support/cutting-proxy.ts';
import { hasPostgres, type PostgresServer, startPostgres } from './support/postgres-server.ts';

let server: PostgresServer;
let proxy: CuttingProxy;
let admin: pg.Client;
let db: Postgres;
let connected: { close(): Promise<void> };
let calls = 0;

function callOf(step: string, over: Partial<StepCall> = {}): StepCall {
  const key = `run_1:1:${step}`;
  return {
    ...{ idempotencyKey: key, reference: key.replaceAll(':', '.'), runId: 'run_1', generation: 1, step },
    ...{ attempt: 1, startedAt: Date.now(), signal: new AbortController().signal },
    ...over,
  };
}
const newCall = (over?: Partial<StepCall>) => callOf(`step-${++calls}`, over);

const insert = (name: string, options?: Parameters<Postgres['transaction']>[1]) =>
  db.transaction(async (tx) => {
    const { rows } = await tx.query<{ id: number }>('INSERT INTO things (name) VALUES ($1) RETURNING id', [
      name,
    ]);
    return { id: rows[0]?.id };
  }, options as never);

const count = async (name: string) =>
  Number((await admin.query('SELECT count(*) FROM things WHERE name = $1', [name])).rows[0].count);

describe.skipIf(!hasPostgres)('a step in PostgreSQL', () => {
  beforeAll(async () => {
    server = await startPostgres();
    proxy = await startCuttingProxy(server.port);
    admin = new pg.Client({ connectionString: server.url });
    await admin.connect();
    await admin.query('CREATE TABLE things (id serial PRIMARY KEY, name text NOT NULL)');
    await admin.query('CREATE TABLE single (id int PRIMARY KEY, "odd ""name" text, at timestamptz)');
  });
  afterAll(async () => {
    await admin?.end();
    await proxy?.close();
    await server?.stop();
  });
  beforeEach(() => {
    db = postgres();
    connected = connectPostgres(db, {
      HOLDFAST_POSTGRES_URL: `postgres://test@127.0.0.1:${proxy.port}/postgres`,
      HOLDFAST_POSTGRES_POOL: '4',
    });
  });
  afterEach(() => connected.close());

  it('happens once under its key, and gives the same result again', async () => {
    const step = insert('once');
    const call = newCall();
    const first = await step.run(call);
    expect(await step.run({ ...call, attempt: 2 })).toEqual(first);
    expect(await count('once')).toBe(1);
  });

  it.each([
    ['an object, its members in their order', { b: 1, a: [null, { c: 'ü' }] }],
    ['null', null],
    ['nothing', undefined],
    ['a text', 'null'],
  ])('gives back %s', async (_, value) => {
    const step = db.transaction(async () => value);
    const call = newCall();
    await step.run(call);
    const again = await step.run(call);
    expect(again).toStrictEqual(value);
    expect(JSON.stringify(again)).toBe(JSON.stringify(value));
  });

  it('is looked up after a lost answer to COMMIT', async () => {
    const step = insert('lost answer');
    const call = newCall();
    await step.run(newCall());
    proxy.cutAtCommit('after_reply');
    await expect(step.run(call)).rejects.toMatchObject({ kind: 'in_doubt', code: 'commit_unanswered' });
    expect(await step.find?.(call)).toMatchObject({ outcome: 'found', result: { id: expect.any(Number) } });
    expect(await count('lost answer')).toBe(2);
  });

  it('is known not to have happened when COMMIT never arrived', async () => {
    const step = insert('lost commit');
    const call = newCall();
    proxy.cutAtCommit('before');
    await expect(step.run(call)).rejects.toMatchObject({ kind: 'in_doubt', code: 'commit_unanswered' });
    expect(await step.find?.(call)).toEqual({ outcome: 'none' });
    await step.run({ ...call, attempt: 2 });
    expect(await count('lost commit')).toBe(1);
  });

  it('has done nothing when the connection breaks before COMMIT', async () => {
    const step = db.transaction(async (tx) => {
      await tx.query("INSERT INTO things (name) VALUES ('broken')");
      const { rows } = await tx.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
      await admin.query('SELECT pg_terminate_backend($1)', [rows[0]?.pid]);
      await tx.query('SELECT 1');
    });
    await expect(step.run(newCall())).rejects.toMatchObject({ kind: 'unavailable' });
    expect(await count('broken')).toBe(0);
  });

  it('survives a connection that breaks between two statements', async () => {
    const step = db.transaction(async (tx) => {
      const { rows } = await tx.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
      await admin.query('SELECT pg_terminate_backend($1)', [rows[0]?.pid]);
      await new Promise((resolve) => setTimeout(resolve, 100));
      return 1;
    });
    await expect(step.run(newCall())).rejects.toMatchObject({
      kind: expect.stringMatching(/unavailable|in_doubt/),
    });
    expect(await insert('after').run(newCall())).toBeDefined();
  });

  it('runs the work of one when two come at once, and both have its result', async () => {
    const step = db.transaction(async (tx) => {
      await tx.query("INSERT INTO things (name) VALUES ('twins')");
      await tx.query('SELECT pg_sleep(0.2)');
      return Math.random();
    });
    const call = newCall();
    const [one, other] = await Promise.all([step.run(call), step.run({ ...call, attempt: 2 })]);
    expect(one).toBe(other);
    expect(await count('twins')).toBe(1);
  });

  it('is not said to be undone while it is being done', async () => {
    const step = db.transaction(async (tx) => {
      await tx.query('SELECT pg_sleep(0.3)');
      return 'done';
    });
    const call = newCall();
    const running = step.run(call);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(await step.find?.(call)).toEqual({ outcome: 'found', result: 'done' });
    await running;
  });

  it('is rolled back when it is given up, even in the middle of a statement', async () => {
    const giveUp = new AbortController();
    const step = db.transaction(async (tx) => {
      await tx.query("INSERT INTO things (name) VALUES ('given up')");
      await tx.query('SELECT pg_sleep(5)');
    });
    const call = newCall({ signal: giveUp.signal });
    setTimeout(() => giveUp.abort(), 100);
    const from = performance.now();
    await expect(step.run(call)).rejects.toMatchObject({ kind: 'unavailable' });
    expect(performance.now() - from).toBeLessThan(3_000);
    expect(await count('given up')).toBe(0);
  });

  it('does not commit after its time, also when the process was stopped in between', async () => {
    const step = db.transaction(
      async (tx) => {
        await tx.query("INSERT INTO things (name) VALUES ('late')");
        // as a stopped process does: nothing of it runs, its clock goes on
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 600);
      },
      { timeout: '300ms' },
    );
    await expect(step.run(newCall())).rejects.toMatchObject({ kind: 'unavailable' });
    expect(await count('late')).toBe(0);
  });

  it('is undone once', async () => {
    const step = insert('undone', {
      undo: async (_, tx) => void (await tx.query("DELETE FROM things WHERE name = 'undone'")),
    });
    const call = newCall();
    const result = (await step.run(call)) as never;
    const undoing = { ...call, idempotencyKey: `${call.idempotencyKey}:undo` };
    await step.undo?.(result, undoing);
    await admin.query("INSERT INTO things (name) VALUES ('undone')");
    await step.undo?.(result, undoing);
    expect(await count('undone')).toBe(1);
  });

  describe('what the server refuses', () => {
    it.each([
      ['a constraint', 'INSERT INTO things (name) VALUES (NULL)', 'rejected', 'sqlstate_23502'],
      ['a bad value', "SELECT 'x'::int", 'rejected', 'sqlstate_22p02'],
      ['a table that is not there', 'SELECT * FROM nowhere', 'misconfigured', 'sqlstate_42p01'],
      [
        'a statement that takes too long',
        'SET LOCAL statement_timeout = 50; SELECT pg_sleep(2)',
        'unavailable',
        'sqlstate_57014',
      ],
    ])('%s', async (_, text, kind, code) => {
      const step = db.transaction(async (tx) => void (await tx.query(text)));
      const call = newCall();
      await expect(step.run(call)).rejects.toMatchObject({ kind, code });
      expect(await step.find?.(call)).toEqual({ outcome: 'none' });
    });

    it('settles a doubt: nothing was ever committed under the key', async () => {
      const refused = db.transaction(
        async (tx) => void (await tx.query('INSERT INTO things (name) VALUES (NULL)')),
      );
      await expect(refused.run(newCall())).rejects.toMatchObject({ settlesDoubt: true });
      const own = db.transaction(async (tx) => {
        await tx.query("INSERT INTO things (name) VALUES ('own no')");
        throw new RejectedError({ code: 'sold_out', message: 'none is left' });
      });
      await expect(own.run(newCall())).rejects.toMatchObject({ code: 'sold_out', settlesDoubt: true });
      expect(await count('own no')).toBe(0);
    });

    it('a serialization failure is tried again', async () => {
      const step = db.transaction(
        async (tx) => {
          await tx.query('SELECT count(*) FROM things');
          await admin.query("UPDATE things SET name = 'moved' WHERE name = 'to move'");
          await tx.query("UPDATE things SET name = 'mine' WHERE name = 'to move'");
        },
        { isolation: 'serializable' },
      );
      await admin.query("INSERT INTO things (name) VALUES ('to move')");
      await expect(step.run(newCall())).rejects.toMatchObject({
        kind: 'unavailable',
        code: 'sqlstate_40001',
      });
    });

    it('an error that was caught is no commit', async () => {
      const step = db.transaction(async (tx) => {
        await tx.query("INSERT INTO things (name) VALUES ('swallowed')");
        await tx.query('INSERT INTO things (name) VALUES (NULL)').catch(() => {});
      });
      await expect(step.run(newCall())).rejects.toThrow(/SAVEPOINT/);
      expect(await count('swallowed')).toBe(0);
    });
  });

  it('what the work itself throws leaves as it is, rolled back', async () => {
    const step = db.transaction(async (tx) => {
      await tx.query("INSERT INTO things (name) VALUES ('bug')");
      throw new TypeError('a bug');
    });
    await expect(step.run(newCall())).rejects.toThrow(new TypeError('a bug'));
    expect(await count('bug')).toBe(0);
  });

  it('waits for a connection, and says when none is free', async () => {
    const giveUp = new AbortController();
    const slow = db.transaction(async (tx) => void (await tx.query('SELECT pg_sleep(20)')), {
      timeout: '30s',
    });
    const busy = Array.from({ length: 4 }, () => slow.run(newCall({ signal: giveUp.signal })));
    const settled = Promise.allSettled(busy);
    await new Promise((resolve) => setTimeout(resolve, 200));
    await expect(insert('no room').run(newCall())).rejects.toMatchObject({
      ...{ kind: 'throttled', code: 'no_free_connection', unsent: true },
      message: expect.stringContaining('all 4 are in use'),
    });
    giveUp.abort();
    await settled;
  });

  it('a server that is not there is unavailable', async () => {
    const away = postgres({ name: 'away' });
    const alone = connectPostgres(away, { HOLDFAST_AWAY_URL: 'postgres://test@127.0.0.1:1/postgres' });
    const step = away.transaction(async () => 1);
    await expect(step.run(newCall())).rejects.toMatchObject({ kind: 'unavailable' });
    await alone.close();
  });

  it('reads rows, and refuses to write', async () => {
    await admin.query("INSERT INTO things (name) VALUES ('read me')");
    expect(await db.query('SELECT name FROM things WHERE name = $1', ['read me']).run(newCall())).toEqual([
      { name: 'read me' },
    ]);
    await expect(db.query("INSERT INTO things (name) VALUES ('no')").run(newCall())).rejects.toThrow(
      /for reading/,
    );
  });

  it('forgets what was done long ago, and nothing newer', async () => {
    const [old, recent] = [newCall(), newCall()];
    await insert('pruned').run(old);
    await insert('pruned').run(recent);
    await admin.query("UPDATE holdfast_effects SET done_at = now() - interval '91 days' WHERE key = $1", [
      old.idempotencyKey,
    ]);
    expect(await db.prune('90d').run(newCall())).toEqual({ removed: 1 });
    expect(await insert('pruned').find?.(old)).toEqual({ outcome: 'none' });
    expect(await insert('pruned').find?.(recent)).toMatchObject({ outcome: 'found' });
    expect(() => db.prune('1h')).toThrow(/at least 1d/);
  });

  describe('upsert', () => {
    const write = (rows: Record<string, unknown>[], newestBy?: string) =>
      db
        .transaction((tx) => upsert(tx, 'single', rows, { key: ['id'], ...(newestBy && { newestBy }) }))
        .run(newCall());
    const read = async () => (await admin.query('SELECT * FROM single ORDER BY id')).rows;
    beforeEach(() => admin.query('TRUNCATE single'));

    it('inserts, updates, and lets the last of equal keys win', async () => {
      expect(
        await write([
          { id: 1, 'odd "name': 'a' },
          { id: 1, 'odd "name': 'b' },
          { id: 2, 'odd "name': null },
        ]),
      ).toBe(2);
      expect(await write([{ id: 1, 'odd "name': 'c' }])).toBe(1);
      expect(await read()).toMatchObject([{ 'odd "name': 'c' }, { 'odd "name': null }]);
    });

    it('keeps what is newer, in the table and among the rows', async () => {
      await write([{ id: 1, 'odd "name': 'new', at: '2026-02-01T00:00:00Z' }], 'at');
      expect(await write([{ id: 1, 'odd "name': 'old', at: '2026-01-01T00:00:00Z' }], 'at')).toBe(0);
      await write(
        [
          { id: 2, 'odd "name': 'new', at: '2026-02-01T00:00:00Z' },
          { id: 2, 'odd "name': 'old', at: '2026-01-01T00:00:00Z' },
        ],
        'at',
      );
      expect((await read()).map((row) => row['odd "name'])).toEqual(['new', 'new']);
    });

    it('refuses rows without the key, and rows that differ', async () => {
      await expect(write([{ at: null }])).rejects.toThrow('no "id"');
      await expect(write([{ id: 1 }, { id: 2, at: null }])).rejects.toThrow('other columns (id, at)');
      expect(await write([])).toBe(0);
    });
  });
});

describe('its configuration', () => {
  const configure = (url: string) => () =>
    postgres().configure({ HOLDFAST_POSTGRES_URL: url, HOLDFAST_POSTGRES_POOL: 10 });

  it('names what is wrong', () => {
    expect(configure('postgres://u@localhost:5432')).toThrow(/names no database/);
    expect(() => postgres({ name: 'Redis' })).toThrow(/provider's name/);
    expect(() => postgres({ effectsTable: 'a.b.c' })).toThrow(/no table name/);
    expect(() => connectPostgres(postgres(), { HOLDFAST_POSTGRES_URL: 'mysql://x@y/z' })).toThrow(
      /postgres:/,
    );
  });

  it('a step without a connection says where it must be named', async () => {
    const step = postgres().query('SELECT 1');
    expect(() => step.run(callOf('none'))).toThrow(/in `providers`/);
  });
});
