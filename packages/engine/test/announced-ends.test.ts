import { startTcpProxy, waitFor } from '@holdfast/testkit';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { z } from 'zod';
import { createClient, defineFlow, RejectedError } from '../src/index.ts';
import { startSystem, type TestSystem } from './system.ts';

const patient = defineFlow({
  name: 'patient',
  version: 1,
  input: z.unknown(),
  output: z.unknown(),
  async run(ctx) {
    const how = await ctx.waitFor('go');
    if (how === 'fail') throw new RejectedError({ code: 'no', message: 'no' });
    if (how === 'die') throw new Error('a bug');
    return how;
  },
});

let system: TestSystem;
beforeEach(async () => {
  system = await startSystem([patient]);
});
afterEach(() => system.close());

const suspended = async () => (await system.runWith(await system.submit(patient, null), 'suspended')).id;
const go = (runId: string, how = 'on') =>
  system.client.signal('t', runId, { id: 's1', name: 'go', payload: how });
const channels = async () => (await system.connection.pubsub('CHANNELS', '{hf0}*')) as string[];

/** The calls of each command that Redis has got, by its name. */
async function calls(connection: Redis): Promise<Map<string, number>> {
  const stats = await connection.info('commandstats');
  return new Map(
    [...stats.matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm)].map(([, name = '', n]) => [name, Number(n)]),
  );
}

/** A client that reaches Redis through a proxy which can misbehave. */
async function distant() {
  const proxy = await startTcpProxy(system.redis.port);
  const connection = new Redis(proxy.url, { maxRetriesPerRequest: null, socketTimeout: 1_000 });
  connection.on('error', () => {});
  const client = createClient({ connection, flows: [patient] });
  return {
    proxy,
    client,
    async close() {
      await client.close();
      connection.disconnect();
      await proxy.close();
    },
  };
}

it('tells each end and each death to whoever waits, at once', async () => {
  system.startWorker();
  for (const [how, status] of [
    ['on', 'completed'],
    ['fail', 'failed'],
    ['die', 'dead'],
  ] as const) {
    const runId = await suspended();
    const ended = system.client.waitForEnd('t', runId, 20_000);
    // once nothing more is looked for often, only the announcement can be as quick
    await waitFor(async () => (await channels()).length === 1, { what: 'the wait to listen' });
    const before = performance.now();
    await go(runId, how);
    expect(await ended).toMatchObject({ status });
    expect(performance.now() - before).toBeLessThan(900);
  }
  const runId = await suspended();
  const cancelled = system.client.waitForEnd('t', runId, 20_000);
  await system.client.cancel('t', runId);
  expect(await cancelled).toMatchObject({ status: 'cancelled' });
});

it('asks Redis nothing while a hundred wait, over one connection, and leaves nothing behind', async () => {
  const runIds = await Promise.all(Array.from({ length: 100 }, () => system.submit(patient, null)));
  const waits = runIds.map((runId) => system.client.waitForEnd('t', runId, 20_000));
  await waitFor(async () => (await channels()).length === 100, { what: 'all waits to listen' });
  await waitFor(
    async () => {
      const before = await calls(system.connection);
      await new Promise((resolve) => setTimeout(resolve, 300));
      const after = await calls(system.connection);
      return ['hget', 'evalsha', 'hmget'].every((name) => before.get(name) === after.get(name));
    },
    { what: '300 ms without a look' },
  );
  const subscribers = String(await system.connection.call('CLIENT', 'LIST', 'TYPE', 'pubsub'));
  expect(subscribers.trim().split('\n')).toHaveLength(1);

  system.startWorker();
  for (const runId of runIds) await system.runWith(runId, 'suspended');
  for (const runId of runIds) await go(runId);
  for (const run of await Promise.all(waits)) expect(run?.status).toBe('completed');
  await waitFor(async () => (await channels()).length === 0, { what: 'nothing to be listened to' });
});

it('sees an end whose announcement was lost', async () => {
  system.startWorker();
  const { proxy, client, close } = await distant();
  const runId = await suspended();
  const ended = client.waitForEnd('t', runId, 20_000);
  await waitFor(async () => (await channels()).length === 1, { what: 'the wait to listen' });
  // the connection for commands finds out by itself that it leads nowhere; the other one hears nothing, and cannot tell
  proxy.freeze();
  await go(runId);
  expect(await ended).toMatchObject({ status: 'completed' });
  await close();
});

it('listens again after the connection broke', async () => {
  system.startWorker();
  const runId = await suspended();
  const ended = system.client.waitForEnd('t', runId, 20_000);
  await waitFor(async () => (await channels()).length === 1, { what: 'the wait to listen' });
  const listening = async () =>
    String(await system.connection.call('CLIENT', 'LIST', 'TYPE', 'pubsub')).trim();
  const first = await listening();
  await system.connection.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
  await waitFor(async () => (await channels()).length === 1 && (await listening()) !== first, {
    what: 'the wait to listen again',
  });
  await go(runId);
  expect(await ended).toMatchObject({ status: 'completed' });
});

it('ends runs, and sees their ends, where Redis lets nobody publish or subscribe', async () => {
  await system.connection.call(
    'ACL',
    'SETUSER',
    'mute',
    'on',
    '>secret',
    '~{hf0}*',
    '+@all',
    'resetchannels',
  );
  const url = system.redis.url.replace('redis://', 'redis://mute:secret@');
  const connection = new Redis(url, { maxRetriesPerRequest: null });
  const client = createClient({ connection, flows: [patient] });
  system.startWorker({ connection: new Redis(url, { maxRetriesPerRequest: null }), redisUrls: [url] });
  const runId = await suspended();
  const ended = client.waitForEnd('t', runId, 20_000);
  await go(runId);
  expect(await ended).toMatchObject({ status: 'completed' });
  await client.close();
  connection.disconnect();
});
