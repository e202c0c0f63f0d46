import { openRedis, tagOf } from '@holdfast/redis';
import { startRedis, waitFor } from '@holdfast/testkit';
import { expect, it, onTestFinished } from 'vitest';
import { z } from 'zod';
import { createClient, defineFlow, readOverview, readQueueDepths, startWorker } from '../src/index.ts';
import { quietLog } from './system.ts';

/** A client and a worker of a system of its own, on a Redis that others may use too. */
function startApart(url: string, namespace: string | undefined, input: z.ZodType = z.unknown()) {
  const open = () => openRedis({ urls: [url], namespace }, { maxRetriesPerRequest: null }, () => 50);
  const connection = open();
  const ran: unknown[] = [];
  const child = defineFlow({
    name: 'child',
    version: 1,
    input,
    output: z.unknown(),
    run: (ctx, given) =>
      ctx.step('only', { run: () => `${namespace}: ${String(given)}`, whenInDoubt: 'repeat' }),
  });
  const flow = defineFlow({
    name: 'order',
    version: 1,
    input,
    output: z.unknown(),
    async run(ctx, given) {
      ran.push(given);
      if (given === 'die') throw new Error('a bug');
      const made = await ctx.runChild('child', { flow: child, input: given });
      return { made, signal: await ctx.waitFor('go') };
    },
  });
  const flows = [flow, child];
  const client = createClient({ connection, flows });
  const work = open();
  const worker = startWorker({ connection: work, redisUrls: [url], flows, log: quietLog });
  onTestFinished(async () => {
    await worker.close('1s');
    await client.close();
    connection.disconnect();
    work.disconnect();
  });
  const submit = async (given: unknown) => {
    const reply = await client.submit({
      flow: 'order',
      input: given,
      tenant: 't',
      idempotencyKey: `key-${String(given === 'die')}`,
      fingerprint: String(given),
      tags: { customer: 'ada' },
    });
    if (reply.outcome !== 'created') throw new Error(reply.outcome);
    return reply.run.id;
  };
  return { client, connection, worker, ran, submit };
}

it('two systems on one Redis share nothing, with the same tenants and keys', async () => {
  const redis = await startRedis();
  onTestFinished(() => redis.stop());
  const systems = {
    blue: startApart(redis.url, 'blue'),
    green: startApart(redis.url, 'green'),
  };
  const ids: string[] = [];
  for (const [name, { client, submit }] of Object.entries(systems)) {
    const runId = await submit(name);
    ids.push(runId);
    await client.signal('t', runId, { id: 's', name: 'go', payload: name });
    expect(await client.waitForEnd('t', runId, 20_000)).toMatchObject({
      status: 'completed',
      output: { made: `${name}: ${name}`, signal: name },
    });
  }
  // the same run, in each system its own
  expect(new Set(ids).size).toBe(1);
  const { blue, green } = systems;
  const dead = await blue.submit('die');
  await blue.client.waitForEnd('t', dead, 20_000);
  expect(blue.ran).not.toContain('green');
  expect(green.ran).not.toContain('blue');
  expect((await green.client.listDead('t')).runs).toEqual([]);
  expect(await readOverview(green.connection)).toMatchObject({ dead: 0 });
  expect(await readOverview(blue.connection)).toMatchObject({ dead: 1 });
  const letters = async (connection: typeof blue.connection) =>
    (await readQueueDepths(connection, [])).find(({ queue }) => queue === 'dead-letters')?.failed;
  await waitFor(async () => (await letters(blue.connection)) === 1, { what: 'the letter' });
  expect(await letters(green.connection)).toBe(0);

  const keys = await blue.connection.keys('*');
  expect(keys.filter((key) => !key.startsWith('blue:{hf0}') && !key.startsWith('green:{hf0}'))).toEqual([]);
});

it('refuses a namespace that could be mistaken for a part of a key', () => {
  for (const namespace of ['', 'A', 'a:b', '{a}', '-a', 'a'.repeat(41)])
    expect(() =>
      openRedis({ urls: ['redis://127.0.0.1:1'], namespace }, { lazyConnect: true }, () => null),
    ).toThrow(/at most 40 lower-case letters/);
  const connection = openRedis({ urls: ['redis://127.0.0.1:1'] }, { lazyConnect: true }, () => null);
  expect(tagOf(connection)).toBe('{hf0}');
});
