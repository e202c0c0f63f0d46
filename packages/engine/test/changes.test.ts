import { afterAll, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import { defineFlow, type Run } from '../src/index.ts';
import { redisJournal } from '../src/journal/redis-journal.ts';
import { RunWatch } from '../src/observe/run-watch.ts';
import { startSystem, type TestSystem } from './system.ts';

const patient = defineFlow({
  name: 'patient',
  version: 1,
  input: z.unknown(),
  output: z.unknown(),
  async run(ctx) {
    await ctx.step('first', { run: async () => 1, whenInDoubt: 'repeat' });
    return ctx.waitFor('go');
  },
});

let system: TestSystem;
beforeAll(async () => {
  system = await startSystem([patient]);
  system.startWorker({ retention: '1h' });
});
afterAll(() => system.close());

/** Nothing is announced, so that every change has to be looked for. */
const UNTOLD = { listen: () => () => {}, hears: () => false, reconnect() {} };

const never = new AbortController().signal;
const suspended = async () => system.runWith(await system.submit(patient, null), 'suspended');
const go = (run: Run) => system.client.signal('t', run.id, { id: 's1', name: 'go', payload: 'gone' });

it('shows every new standing once, the last one always, and ends with the run', async () => {
  const run = await suspended();
  const seen: Run[] = [];
  const following = (async () => {
    for await (const changed of system.client.changes(run, never)) seen.push(changed);
  })();
  await go(run);
  await following;
  expect(seen.at(-1)).toMatchObject({ status: 'completed', output: 'gone' });
  const revisions = [run, ...seen].map(({ revision }) => revision);
  expect(revisions).toEqual([...new Set(revisions)].toSorted((a, b) => a - b));
  // nothing is left to follow
  for await (const more of system.client.changes(seen.at(-1) ?? run, never)) expect(more).toBeUndefined();
});

it('reads a run once for all who follow it, and asks nothing once they have left', async () => {
  const run = await suspended();
  const journal = redisJournal({ connection: system.connection, retentionMs: 0 });
  const asked: string[] = [];
  let reads = 0;
  const looks = {
    readRevision: (id: string) => {
      asked.push(id);
      return journal.readRevision(id);
    },
    readRun: (id: string) => {
      reads += 1;
      return journal.readRun(id);
    },
  };
  const watch = new RunWatch(looks, UNTOLD);
  const leave = Array.from({ length: 20 }, () => new AbortController());
  const followers = leave.map(({ signal }) => watch.changes(run, signal));
  const firsts = Promise.all(followers.map((each) => each.next()));
  await go(run);
  for (const { value } of await firsts) expect(value?.revision).toBeGreaterThan(run.revision);
  expect(reads).toBe(1);

  for (const each of leave) each.abort();
  for (const each of followers) expect(await each.next()).toEqual({ done: true, value: undefined });
  const other = await suspended();
  asked.length = 0;
  const change = watch.changes(other, never).next();
  await go(other);
  await change;
  expect(new Set(asked)).toEqual(new Set([other.id]));
});

it('outlasts a Redis that does not answer, and ends when the run is no more', async () => {
  const run = await suspended();
  let away = 2;
  const journal = redisJournal({ connection: system.connection, retentionMs: 0 });
  const looks = {
    readRun: (id: string) => journal.readRun(id),
    readRevision: async (id: string) => {
      away -= 1;
      if (away > 0) throw new Error('away');
      return journal.readRevision(id);
    },
  };
  const watch = new RunWatch(looks, UNTOLD);
  const changes = watch.changes(run, never);
  const next = changes.next();
  await system.connection.del(`{hf0}/run/${run.id}`);
  expect(await next).toEqual({ done: true, value: undefined });
  expect(away).toBeLessThanOrEqual(0);
});
