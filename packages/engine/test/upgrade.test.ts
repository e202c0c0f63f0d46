import { readFile } from 'node:fs/promises';
import { gunzipSync } from 'node:zlib';
import { waitFor } from '@holdfast/testkit';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Run } from '../src/index.ts';
import { keys } from '../src/testing.ts';
import { EFFECTS, upgradeFlows } from './fixtures/upgrade/flows.mjs';
import { type Effect, FakeProvider } from './fixtures/upgrade/provider.mjs';
import { type KeptKeys, restoreSnapshot } from './fixtures/upgrade/snapshot.mjs';
import { startSystem, type TestSystem } from './system.ts';

interface Recording {
  readonly runs: Readonly<Record<string, { readonly runId: string; readonly flow: string }>>;
  readonly ledger: readonly Effect[];
  readonly keys: KeptKeys;
}

const TENANT = 'test';
/** So much later the new build is started: all that waited for a time is due, but for what waits for days. */
const LATER_MS = 120_000;
const WAITS_FOR_DAYS = 'timer-3-days';
/** Of these, 0.1 had itself forgotten that something was in doubt: nothing is left by which it could be known. */
const FORGOTTEN = ['forgotten-by-hand-back', 'forgotten-by-settling'];

let system: TestSystem;
let provider: FakeProvider;
let recording: Recording;
/** Of which a person said that they were undone by hand. */
const byHand = new Set<string>();

beforeAll(async () => {
  const packed = await readFile(new URL('fixtures/upgrade/0.1.0.json.gz', import.meta.url));
  recording = JSON.parse(gunzipSync(packed).toString()) as Recording;
  provider = new FakeProvider(recording.ledger);
  const flows = upgradeFlows((question) => provider.answer(question), { changed: true, reworked: true });
  system = await startSystem(flows);
  await restoreSnapshot(system.connection, recording.keys, { laterMs: LATER_MS });
});
afterAll(() => system.close());

/** What a person reads off the label that the provider shows. */
const LABEL = { labelId: 'l', trackingNumber: 'T', labelUrl: 'https://labels.example/l' };

const isOver = (run: Run) => ['completed', 'failed', 'cancelled'].includes(run.status);

/** What an operator does with a run that does not go on by itself, by what the provider's ledger says. */
async function act(run: Run, tries: number): Promise<void> {
  const { client } = system;
  if (run.status === 'suspended' && run.waitingFor.kind === 'signal') {
    const { name } = run.waitingFor;
    if (!name.startsWith('child.'))
      await client.signal(TENANT, run.id, { id: `late-${name}`, name, payload: null });
    return;
  }
  if (run.status !== 'dead') return;
  // its flow is gone: nobody could go on with it
  if (run.flow === 'gone') return endWithoutFlow(run);
  const doubt = run.steps.find(({ status }) => status === 'in_doubt');
  if (doubt) {
    const result = provider.resultOf(`${run.id}:${run.generation}:${doubt.name}`);
    const step = doubt.name;
    await client.resolve(
      TENANT,
      run.id,
      result === undefined
        ? { step, outcome: 'did_not_happen' }
        : { step, outcome: 'happened', result: run.flow === 'order' ? LABEL : result },
    );
    return;
  }
  if (tries < 2) return void (await client.redrive(TENANT, run.id));
  if (tries === 2) return void (await client.cancel(TENANT, run.id));
  return endWithoutFlow(run);
}

async function endWithoutFlow(run: Run): Promise<void> {
  for (const { name, status } of run.steps) {
    const outcome = status === 'in_doubt' ? 'did_not_happen' : 'undone';
    await system.client.resolve(TENANT, run.id, { step: name, outcome });
  }
  byHand.add(run.id);
  await system.client.cancel(TENANT, run.id);
}

it('finishes what 0.1 left in the middle of everything, and does nothing twice', async () => {
  system.startWorker();
  system.startWorker();
  const tries = new Map<string, number>();
  const left = async () => {
    const open: string[] = [];
    for (const [label, { runId }] of Object.entries(recording.runs)) {
      const run = await system.client.getRun(TENANT, runId);
      if (!run || isOver(run) || label === WAITS_FOR_DAYS) continue;
      open.push(`${label}: ${run.status}`);
      const seen = `${runId} ${run.revision}`;
      if (tries.has(seen)) continue;
      const before = tries.get(runId) ?? 0;
      tries.set(seen, 1);
      if (run.status === 'dead') tries.set(runId, before + 1);
      await act(run, before);
    }
    return open;
  };
  let open: string[] = [];
  await waitFor(
    async () => {
      open = await left();
      return open.length === 0;
    },
    { what: 'all runs to be over', timeoutMs: 40_000, everyMs: 100 },
  ).catch(() => {});
  expect(open).toEqual([]);

  for (const [label, { runId, flow }] of Object.entries(recording.runs)) {
    const run = await system.client.getRun(TENANT, runId);
    if (!run || label === WAITS_FOR_DAYS || FORGOTTEN.includes(label) || byHand.has(runId)) continue;
    const happened = provider.ledger.filter(({ key }) => key.startsWith(`${runId}:${run.generation}:`));
    const count = (operation: string | undefined) =>
      happened.filter((effect) => effect.operation === operation).length;
    for (const [operation, undo] of EFFECTS[flow] ?? []) {
      const of = `${label}: ${operation}`;
      if (run.status === 'completed') expect([of, count(operation), count(undo)]).toEqual([of, 1, 0]);
      else if (undo) expect([of, count(operation) - count(undo)]).toEqual([of, 0]);
      expect([of, Math.max(count(operation), count(undo)) <= 1]).toEqual([of, true]);
    }
  }
  const letters = await system.connection.zcard(keys.dead(TENANT));
  expect(letters).toBe(0);
}, 60_000);
