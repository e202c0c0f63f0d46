import { type Effect, type Fault, keyOf, ORDERS, type Order, type RunRecord } from '@holdfast/prove';
import { waitFor } from '@holdfast/testkit';
import { beforeAll, describe, expect, it } from 'vitest';
import { useTestSystem } from '../system.ts';

const system = useTestSystem({ workers: 2, lockMs: 10_000 });

/** A call that is held while its worker is killed. */
interface Hold {
  readonly at: string;
  readonly fault: Pick<Fault, 'provider' | 'operation'>;
  readonly order: Order;
  /** The order is cancelled while its mail is refused for now. */
  readonly cancelled?: true;
  readonly ends: RunRecord['status'];
  /** All effects, in order. */
  readonly effects: readonly string[];
}

const ALL = ['charge', 'reserve', 'label', 'send'];
const COMPLETED = { order: ORDERS.good, ends: 'completed', effects: ALL } as const;
const UNDONE = ['charge', 'reserve', 'label', 'void', 'release', 'refund'];

const HOLDS: readonly Hold[] = [
  { at: 'the charge', fault: { provider: 'payment', operation: 'charge' }, ...COMPLETED },
  { at: 'the reservation', fault: { provider: 'inventory', operation: 'reserve' }, ...COMPLETED },
  { at: 'the label', fault: { provider: 'shipping', operation: 'label' }, ...COMPLETED },
  { at: 'the mail', fault: { provider: 'email', operation: 'send' }, ...COMPLETED },
  {
    at: 'the refund',
    fault: { provider: 'payment', operation: 'refund' },
    order: ORDERS.outOfStock,
    ends: 'failed',
    effects: ['charge', 'refund'],
  },
  {
    at: 'the release',
    fault: { provider: 'inventory', operation: 'release' },
    order: ORDERS.badAddress,
    ends: 'failed',
    effects: ['charge', 'reserve', 'release', 'refund'],
  },
  {
    at: "the label's void",
    fault: { provider: 'shipping', operation: 'void' },
    order: ORDERS.good,
    cancelled: true,
    ends: 'cancelled',
    effects: UNDONE,
  },
];

/** Greylisting: the mail waits for its next attempt. */
const NOT_NOW = { provider: 'email', operation: 'send', fault: 'error', status: 451, times: 12 } as const;

interface Held {
  readonly run: RunRecord;
  readonly effects: readonly Effect[];
}

const operationsOf = (effects: readonly Effect[]) => effects.map(({ operation }) => operation);

describe.each([
  ['before its effect', 'timeout', 0],
  ['after its effect and before its record', 'timeout_after_effect', 1],
] as const)('when all workers are killed at a call, %s', (when, fault, happened) => {
  /** How each run stood when the workers were killed, by the hold's name. */
  const held = new Map<string, Held>();

  beforeAll(async () => {
    const placed: [Hold, RunRecord][] = [];
    for (const hold of HOLDS) {
      if (hold.cancelled) await system().sandbox.fault(NOT_NOW);
      const holding = await system().sandbox.fault({ ...hold.fault, fault });
      const run = await system().shop.placeSurely(hold.order, keyOf(`${hold.at} ${when}`));
      placed.push([hold, run]);
      if (hold.cancelled) await system().shop.cancelAt(run, 'email');
      await system().sandbox.used(holding);
    }
    const killed = system().kill('workers');
    for (const [{ at }, { id }] of placed) {
      const run = await system().shop.run(id);
      if (run) held.set(at, { run, effects: await system().sandbox.effectsOf(id) });
    }
    await system().back(killed);
  });

  it.each(HOLDS.map((hold) => [hold.at, hold] as const))(
    'goes on at %s, with each effect once',
    async (at, hold) => {
      const { run, effects } = held.get(at) ?? expect.fail(`no run was held at ${at}`);
      const done = hold.effects.indexOf(hold.fault.operation) + happened;
      expect(operationsOf(effects)).toEqual(hold.effects.slice(0, done));
      expect(run.status).toBe(hold.ends === 'completed' ? 'running' : 'compensating');

      const ended = await system().shop.end(run);
      expect(ended).toMatchObject({ status: hold.ends });
      const mailed = at === 'the mail';
      expect(ended.warnings).toMatchObject(mailed ? [{ step: 'email', kind: 'in_doubt' }] : []);
      // nobody knows whether a mail was sent whose worker died; it is not sent a second time
      expect(operationsOf(await system().sandbox.effectsOf(run.id))).toEqual(
        mailed ? hold.effects.slice(0, done) : hold.effects,
      );
    },
  );

  it('does not repeat what was recorded', async () => {
    const { calls } = await system().facts();
    for (const { fault, effects, at } of HOLDS) {
      const recorded = effects.slice(0, effects.indexOf(fault.operation));
      const { run } = held.get(at) ?? expect.fail(`no run was held at ${at}`);
      const made = calls.filter(({ key }) => key?.startsWith(run.id)).map(({ operation }) => operation);
      const counts = recorded.map((operation) => made.filter((each) => each === operation).length);
      expect(counts, at).toEqual(recorded.map(() => 1));
    }
  });
});

it('lets go of the jobs of killed workers once their locks are over, and leaves all as it must be', async () => {
  expect(system().crashes).toHaveLength(2);
  const released = async () => (await system().facts()).store.jobs.every(({ state }) => state !== 'active');
  await waitFor(released, { what: 'no job to be active', timeoutMs: 20_000, everyMs: 250 });
  expect(await system().violations()).toEqual([]);
});
