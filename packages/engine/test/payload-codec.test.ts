import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createSealer } from '@holdfast/redis';
import { waitFor } from '@holdfast/testkit';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { z } from 'zod';
import {
  createClient,
  defineFlow,
  type PayloadCodec,
  RejectedError,
  UnreadablePayloadError,
} from '../src/index.ts';
import { replayRun } from '../src/observe/replay.ts';
import { startSystem, type TestSystem } from './system.ts';

const OLD = `old:${Buffer.alloc(32, 1).toString('base64')}`;
const NEW = `new:${Buffer.alloc(32, 2).toString('base64')}`;

/** Every payload of these tests holds it, and nothing else does. */
const CANARY = 'canary-4711';

function codecOf(keys: string): PayloadCodec & { readonly decoded: string[] } {
  const sealer = createSealer(keys);
  const decoded: string[] = [];
  const purpose = (place: object) => JSON.stringify(place);
  return {
    decoded,
    encode: (plain, place) => sealer.seal(plain, purpose(place)),
    // some codecs ask somebody
    decode: async (coded, place) => {
      decoded.push(place.field);
      return sealer.open(coded, purpose(place));
    },
  };
}

const child = defineFlow({
  name: 'child',
  version: 1,
  input: z.strictObject({ secret: z.string() }),
  output: z.strictObject({ secret: z.string() }),
  run: async (_ctx, { secret }) => ({ secret: `${secret} of the child` }),
});

let called: string[] = [];
let fails = false;
const everything = defineFlow({
  name: 'everything',
  version: 1,
  input: z.strictObject({ secret: z.string() }),
  output: z.unknown(),
  run: async (ctx, { secret }) => {
    const first = await ctx.step('first', {
      whenInDoubt: 'repeat',
      run: () => {
        called.push('first');
        return { first: secret };
      },
      undo: () => undefined,
    });
    const details = await ctx
      .step('refused', {
        whenInDoubt: 'repeat',
        run: () => {
          throw new RejectedError({ code: 'no', message: 'refused', details: { said: secret } });
        },
      })
      .catch((error: unknown) => (error instanceof RejectedError ? error.details : undefined));
    const inside = await ctx.runChild('inside', { flow: child, input: { secret } });
    const signal = await ctx.waitFor<{ secret: string }>('go');
    const unsure = await ctx.step<{ found: string }>('unsure', {
      whenInDoubt: 'halt',
      retry: { attempts: 1 },
      run: () => {
        throw new Error('lost');
      },
    });
    if (fails) throw new RejectedError({ code: 'fails', message: 'as told', details: { secret } });
    return { first, details, inside, signal, unsure };
  },
});
const flows = [everything, child];

let system: TestSystem;
beforeEach(async () => {
  called = [];
  fails = false;
  system = await startSystem(flows);
});
afterEach(() => system.close());

const wired = (codec?: PayloadCodec) => createClient({ connection: system.connection, flows, codec });

const request = {
  flow: 'everything',
  input: { secret: CANARY },
  tenant: 't',
  idempotencyKey: 'k',
  fingerprint: 'f',
};

async function untilItIs(client: ReturnType<typeof wired>, runId: string, status: string) {
  return waitFor(
    async () => {
      const run = await client.getRun('t', runId);
      return run?.status === status && run;
    },
    { what: `the run to be ${status}` },
  );
}

/** Takes the flow to its end. */
async function go(codec: PayloadCodec) {
  const client = wired(codec);
  const submitted = await client.submit(request);
  if (submitted.outcome !== 'created') throw new Error(submitted.outcome);
  const { id } = submitted.run;
  await client.signal('t', id, { id: 'sig', name: 'go', payload: { secret: `${CANARY} signalled` } });
  await untilItIs(client, id, 'dead');
  const resolution = { step: 'unsure', outcome: 'happened', result: { found: `${CANARY} found` } } as const;
  expect(await client.resolve('t', id, resolution)).toEqual({ outcome: 'resolved' });
  return { client, id };
}

/** All that stands in Redis, and all that was ever written to its append-only file. */
async function allThatRedisHas(): Promise<string> {
  const redis = new Redis(system.redis.url);
  const texts: string[] = [];
  for (const key of await redis.keys('*')) {
    texts.push(key);
    const type = await redis.type(key);
    if (type === 'string') texts.push((await redis.get(key)) ?? '');
    if (type === 'hash') texts.push(JSON.stringify(await redis.hgetall(key)));
    if (type === 'list') texts.push(...(await redis.lrange(key, 0, -1)));
    if (type === 'set') texts.push(...(await redis.smembers(key)));
    if (type === 'zset') texts.push(...(await redis.zrange(key, '0', '-1')));
    if (type === 'stream') texts.push(JSON.stringify(await redis.xrange(key, '-', '+')));
  }
  redis.disconnect();
  const folder = join(system.redis.dataDir, 'appendonlydir');
  for (const file of readdirSync(folder)) texts.push(readFileSync(join(folder, file), 'latin1'));
  return texts.join('\n');
}

it('keeps every payload of a run encoded, from its input to its output, and gives back what it got', async () => {
  const codec = codecOf(OLD);
  system.startWorker({ codec });
  const { client, id } = await go(codec);
  const run = await untilItIs(client, id, 'completed');
  expect(run).toMatchObject({
    output: {
      first: { first: CANARY },
      details: { said: CANARY },
      inside: { secret: `${CANARY} of the child` },
      signal: { secret: `${CANARY} signalled` },
      unsure: { found: `${CANARY} found` },
    },
  });
  expect(run.steps.find(({ name }) => name === 'refused')?.error?.details).toEqual({ said: CANARY });
  expect(called).toEqual(['first']);
  expect(await client.readPayloads('t', id)).toMatchObject({
    input: { secret: CANARY },
    results: expect.arrayContaining([{ step: 'first', result: { first: CANARY } }]),
    signals: expect.arrayContaining([{ id: 'sig', name: 'go', payload: { secret: `${CANARY} signalled` } }]),
  });
  expect((await client.withInput(run)).input).toEqual({ secret: CANARY });
  expect(await replayRun({ connection: system.connection, flows, codec }, id)).toMatchObject({
    outcome: 'fits',
  });
  // the same request is the same, however often it is encoded
  expect(await client.submit(request)).toMatchObject({ outcome: 'replayed', run: { id } });
  expect(await client.submit({ ...request, fingerprint: 'other' })).toEqual({
    outcome: 'key_reused',
    runId: id,
  });
  expect(await client.rerun('t', id)).toBe('rerun');
  await untilItIs(client, id, 'suspended');
  expect(await allThatRedisHas()).not.toContain(CANARY);
});

it('keeps what a failure says about payloads encoded as well', async () => {
  const codec = codecOf(OLD);
  fails = true;
  system.startWorker({ codec });
  const { client, id } = await go(codec);
  const run = await untilItIs(client, id, 'failed');
  expect(run).toMatchObject({ error: { code: 'fails', details: { secret: CANARY } } });
  expect(await allThatRedisHas()).not.toContain(CANARY);
});

it('decodes a run for its readers without its input, which is decoded when somebody asks for it', async () => {
  const codec = codecOf(OLD);
  system.startWorker({ codec });
  const { client, id } = await go(codec);
  await untilItIs(client, id, 'completed');
  const reading = codecOf(OLD);
  const reader = wired(reading);
  const run = await reader.getRun('t', id);
  expect(run).not.toHaveProperty('input');
  expect(new Set(reading.decoded)).toEqual(new Set(['output', 's:refused']));
  expect((await reader.listRuns('t', { flow: 'everything' })).runs[0]).toEqual(run);
});

it('goes on with keys that were rotated: the first encodes, all decode', async () => {
  const before = codecOf(OLD);
  const first = wired(before);
  const { run } = (await first.submit(request)) as { run: { id: string } };
  const rotated = codecOf(`${NEW},${OLD}`);
  system.startWorker({ codec: rotated });
  const after = wired(rotated);
  await after.signal('t', run.id, { id: 'sig', name: 'go', payload: null });
  await untilItIs(after, run.id, 'dead');
  const kept = await system.connection.hgetall(`{hf0}/run/${run.id}`);
  expect(kept.input).toContain('coded:v1.old.');
  expect(kept['s:first']).toContain('v1.new.');
});

it.each([
  ['the key', codecOf(NEW), /record of step|input.*key.*HOLDFAST_ENCRYPTION_KEYS/s],
  ['the codec', undefined, /the config has no `codec`/],
])('does nothing with a run that it cannot read for want of %s, and says so', async (_what, codec, says) => {
  const right = codecOf(OLD);
  const { run } = (await wired(right).submit(request)) as { run: { id: string } };
  const worker = system.startWorker({ codec });
  const dead = await untilItIs(wired(right), run.id, 'dead');
  expect(dead).toMatchObject({ error: { kind: 'misconfigured', code: 'payload_unreadable' } });
  expect('error' in dead && dead.error?.message).toMatch(says);
  expect(called).toEqual([]);
  // who cannot read it is told so, and no other run is touched by that
  const wrong = wired(codec);
  await expect(wrong.readPayloads('t', run.id)).rejects.toThrow(UnreadablePayloadError);
  await expect(wrong.withInput(dead)).rejects.toThrow(says);
  await worker.close('0s');
  system.startWorker({ codec: right });
  expect(await wired(right).redrive('t', run.id)).toBe('redriven');
  await untilItIs(wired(right), run.id, 'suspended');
  expect(called).toEqual(['first']);
});

it('goes on with runs that began before there was a codec', async () => {
  const plain = wired();
  const { run } = (await plain.submit(request)) as { run: { id: string } };
  const worker = system.startWorker();
  await untilItIs(plain, run.id, 'suspended');
  await worker.close('1s');
  // what the other tests look for is found where it is
  expect(await allThatRedisHas()).toContain(CANARY);
  const codec = codecOf(OLD);
  system.startWorker({ codec });
  const client = wired(codec);
  await client.signal('t', run.id, { id: 'sig', name: 'go', payload: 1 });
  await untilItIs(client, run.id, 'dead');
  await client.resolve('t', run.id, { step: 'unsure', outcome: 'happened', result: { found: '' } });
  expect(await untilItIs(client, run.id, 'completed')).toMatchObject({ output: { signal: 1 } });
});

it('lists the runs that can be read beside one that cannot', async () => {
  const codec = codecOf(OLD);
  system.startWorker({ codec });
  const { client, id } = await go(codec);
  await untilItIs(client, id, 'completed');
  const other = wired(codecOf(NEW));
  const { run } = (await other.submit({ ...request, idempotencyKey: 'k2' })) as { run: { id: string } };
  const page = await other.listRuns('t', { flow: 'everything' });
  expect(page).toMatchObject({ runs: [{ id: run.id }], unreadable: [id] });
});
