import type { Effect, Facts, ProviderCall, RunRecord, StoredJob } from '@holdfast/prove';
import { ORDERS, violations } from '@holdfast/prove';
import { describe, expect, it } from 'vitest';
import { COMPLETED, DEAD, FAILED, soundFacts } from './support/sound.ts';

it('finds nothing where all is as it must be', () => {
  expect(violations(soundFacts())).toEqual([]);
});

it('lets BullMQ hold on to abandoned jobs for as long as their locks last', () => {
  const job: StoredJob = { queue: 'order', id: COMPLETED, runId: COMPLETED, state: 'active' };
  const held = addJob(job)(addKey(`{hf0}:order:${COMPLETED}:lock`)(soundFacts()));
  expect(violations({ ...held, locksMayHold: true })).toEqual([]);
  expect(violations(held)).not.toEqual([]);
});

type Plant = (facts: Facts) => Facts;

const patchRun =
  (id: string, patch: Partial<RunRecord>): Plant =>
  (facts) => {
    const run = facts.runs.get(id);
    return run ? { ...facts, runs: new Map(facts.runs).set(id, { ...run, ...patch }) } : facts;
  };
const dropRun =
  (id: string): Plant =>
  (facts) => ({ ...facts, runs: new Map([...facts.runs].filter(([each]) => each !== id)) });
const patchStep =
  (id: string, step: string, patch: Partial<RunRecord['steps'][number]>): Plant =>
  (facts) => {
    const steps = facts.runs.get(id)?.steps ?? [];
    const patched = steps.map((each) => (each.name === step ? { ...each, ...patch } : each));
    return patchRun(id, { steps: patched })(facts);
  };

const isEffect = (id: string, operation: string) => (effect: Effect) =>
  effect.operation === operation && effect.reference.startsWith(id);
const repeatEffect =
  (id: string, operation: string): Plant =>
  (facts) => ({ ...facts, ledger: [...facts.ledger, ...facts.ledger.filter(isEffect(id, operation))] });
const dropEffect =
  (id: string, operation: string): Plant =>
  (facts) => ({ ...facts, ledger: facts.ledger.filter((each) => !isEffect(id, operation)(each)) });
const patchEffect =
  (id: string, operation: string, patch: Partial<Effect>): Plant =>
  (facts) => ({
    ...facts,
    ledger: facts.ledger.map((each) => (isEffect(id, operation)(each) ? { ...each, ...patch } : each)),
  });
const addEffect =
  (id: string, operation: string): Plant =>
  (facts) => ({
    ...facts,
    ledger: [
      ...facts.ledger,
      { seq: 99, provider: 'any', operation, reference: id, idempotencyKey: null, at: 0, amount: 3_800 },
    ],
  });

const isCall = (id: string, operation: string) => (call: ProviderCall) =>
  call.operation === operation && call.key?.startsWith(id) === true;
const patchCall =
  (id: string, operation: string, patch: (call: ProviderCall) => Partial<ProviderCall>): Plant =>
  (facts) => ({
    ...facts,
    calls: facts.calls.map((call) => (isCall(id, operation)(call) ? { ...call, ...patch(call) } : call)),
  });
const repeatCall =
  (
    id: string,
    operation: string,
    patch: (call: ProviderCall) => Partial<ProviderCall> = () => ({}),
    answer: object = {},
  ): Plant =>
  (facts) => ({
    ...facts,
    calls: facts.calls.flatMap((call) =>
      isCall(id, operation)(call)
        ? [
            { ...call, ending: { ...call.ending, ...answer } },
            { ...call, at: call.at + 60, ...patch(call) },
          ]
        : [call],
    ),
  });
/** The call is made when its run stood as it did at another call. */
const seenAs =
  (id: string, operation: string, other: string): Plant =>
  (facts) =>
    patchCall(id, operation, () => ({ seen: facts.calls.find(isCall(id, other))?.seen }))(facts);

const patchStore =
  (patch: (store: Facts['store']) => Partial<Facts['store']>): Plant =>
  (facts) => ({ ...facts, store: { ...facts.store, ...patch(facts.store) } });
const addJob = (job: StoredJob): Plant => patchStore(({ jobs }) => ({ jobs: [...jobs, job] }));
const addKey = (name: string): Plant =>
  patchStore(({ keys }) => ({ keys: [...keys, { name, expires: false }] }));
const expiry = (id: string, expires: boolean): Plant =>
  patchStore(({ keys }) => ({
    keys: keys.map((key) => (key.name.endsWith(`/run/${id}`) ? { ...key, expires } : key)),
  }));

const NONE = `run_${'d'.repeat(32)}`;

const PLANTED: readonly (readonly [number, string, Plant, string])[] = [
  [1, 'an acknowledged run is gone', dropRun(COMPLETED), COMPLETED],
  [
    2,
    'a key got two runs',
    (facts) => ({
      ...facts,
      asked: facts.asked.map((each) =>
        each.answer.kind === 'accepted' && each.key === 'failed'
          ? { ...each, key: 'completed', order: ORDERS.good }
          : each,
      ),
    }),
    FAILED,
  ],
  [
    2,
    'a key was accepted for two orders',
    (facts) => ({
      ...facts,
      asked: facts.asked.map((each, i) => (i === 0 ? { ...each, order: ORDERS.declined } : each)),
    }),
    'completed',
  ],
  [3, 'an effect of a run nobody knows', addEffect(NONE, 'charge'), NONE],
  [3, 'an effect without a run', addEffect('somebody', 'charge'), 'somebody'],
  [3, 'a run that nobody asked for', patchRun(DEAD, { idempotencyKey: 'stray' }), DEAD],
  [4, 'captured twice', repeatEffect(COMPLETED, 'charge'), COMPLETED],
  [4, 'captured another amount', patchEffect(COMPLETED, 'charge', { amount: 1 }), COMPLETED],
  [4, 'refunded twice', repeatEffect(FAILED, 'refund'), FAILED],
  [4, 'failed and kept the money', dropEffect(FAILED, 'refund'), FAILED],
  [4, 'dead, and refunded though the record says charged', addEffect(DEAD, 'refund'), DEAD],
  [4, 'dead, and charged though the record says not', patchStep(DEAD, 'charge', { status: 'failed' }), DEAD],
  [5, 'completed without a label', dropEffect(COMPLETED, 'label'), COMPLETED],
  [5, 'completed without a mail, and no warning', dropEffect(COMPLETED, 'send'), COMPLETED],
  [5, 'completed with two labels', repeatEffect(COMPLETED, 'label'), COMPLETED],
  [5, 'completed, and the label void', addEffect(COMPLETED, 'void'), COMPLETED],
  [5, 'failed with the reservation kept', dropEffect(FAILED, 'release'), FAILED],
  [5, 'failed with the reservation released twice', repeatEffect(FAILED, 'release'), FAILED],
  [6, 'a mail about a refunded order', addEffect(FAILED, 'send'), FAILED],
  [7, 'a call without a key', patchCall(COMPLETED, 'label', () => ({ key: null })), 'label'],
  [
    7,
    'a call under another step',
    patchCall(FAILED, 'refund', () => ({ key: `${FAILED}:1:charge` })),
    FAILED,
  ],
  [
    7,
    'another key while in doubt',
    repeatCall(DEAD, 'label', () => ({ key: `${DEAD}:1:ship:2` }), { kind: 'lost' }),
    'without a definite no',
  ],
  [
    7,
    'another key though the first had its effect',
    repeatCall(COMPLETED, 'label', () => ({ key: `${COMPLETED}:1:ship:2` })),
    'without a definite no',
  ],
  [7, 'another body under the same key', repeatCall(DEAD, 'label', () => ({ body: 'other' })), DEAD],
  [8, 'a step before the one before it', seenAs(COMPLETED, 'label', 'reserve'), COMPLETED],
  [
    8,
    'a call for a run unknown to the journal',
    patchCall(DEAD, 'charge', () => ({ seen: undefined })),
    DEAD,
  ],
  [8, 'undone in forward order', seenAs(FAILED, 'refund', 'release'), FAILED],
  [8, 'undone what was not done', seenAs(FAILED, 'release', 'reserve'), FAILED],
  [
    8,
    'the reservation before the charge, outside',
    (facts) => ({ ...facts, ledger: facts.ledger.toReversed() }),
    COMPLETED,
  ],
  [9, 'a step called after its record', seenAs(COMPLETED, 'charge', 'reserve'), COMPLETED],
  [9, 'an undo called after its record', seenAs(FAILED, 'release', 'refund'), FAILED],
  [10, 'a record that changed', patchStep(COMPLETED, 'charge', { attempts: 2 }), COMPLETED],
  [10, 'a record that vanished', patchRun(COMPLETED, { steps: [] }), COMPLETED],
  [
    10,
    "an output that is not the provider's",
    patchEffect(COMPLETED, 'label', { trackingNumber: '1Z' }),
    COMPLETED,
  ],
  [12, 'a run that is still under way', patchRun(DEAD, { status: 'suspended' }), DEAD],
  [12, 'a lock that is held', addKey(`{hf0}:order:${DEAD}:lock`), DEAD],
  [12, 'a job that is active', addJob({ queue: 'order', id: DEAD, runId: DEAD, state: 'active' }), DEAD],
  [13, 'a dead run without a letter', patchStore(() => ({ jobs: [] })), DEAD],
  [13, 'a letter of a completed run', patchRun(DEAD, { status: 'completed' }), DEAD],
  [
    13,
    'two letters of a death',
    addJob({ queue: 'dead-letters', id: `${DEAD}.d2`, runId: DEAD, state: 'failed' }),
    DEAD,
  ],
  [
    13,
    'a letter that shows no reason',
    addJob({ queue: 'dead-letters', id: `${DEAD}.d0`, runId: DEAD, state: 'waiting' }),
    DEAD,
  ],
  [
    14,
    'a job of a completed run',
    addJob({ queue: 'order', id: COMPLETED, runId: COMPLETED, state: 'waiting' }),
    COMPLETED,
  ],
  [14, 'a live run without a job', patchRun(DEAD, { status: 'pending' }), DEAD],
  [14, 'a job of no run', addJob({ queue: 'order', id: NONE, runId: NONE, state: 'delayed' }), NONE],
  [
    16,
    'an end that nobody heard of',
    (facts) => ({ ...facts, heard: facts.heard?.slice(1) ?? [] }),
    COMPLETED,
  ],
  [
    16,
    'a death that nobody heard of',
    (facts) => ({ ...facts, heard: facts.heard?.slice(0, 2) ?? [] }),
    DEAD,
  ],
  [
    16,
    'an event that came under two ids',
    (facts) => ({
      ...facts,
      heard: (facts.heard ?? []).flatMap((each) => [each, { ...each, id: `${each.id}0` }]),
    }),
    'as msg_1 and as msg_10',
  ],
  [17, 'called again though it was answered', repeatCall(COMPLETED, 'charge'), 'ms after it was answered'],
  [17, 'called more often than there were attempts', repeatCall(DEAD, 'label'), '2 times, in 1 attempts'],
  [
    17,
    'called before its Retry-After was over',
    repeatCall(DEAD, 'label', () => ({}), { status: 429, retryAfterMs: 1_000 }),
    'before its Retry-After',
  ],
  [18, 'a key that nobody declared', addKey('{hf0}/scratch'), '{hf0}/scratch'],
  [18, 'a key that should expire and does not', addKey('{hf0}/limit/payment'), '{hf0}/limit/payment'],
  [18, "a run's audit log that never expires", addKey(`{hf0}/audit-run/${DEAD}`), `{hf0}/audit-run/${DEAD}`],
  [18, 'a job that is in no list', addKey(`{hf0}:order:${COMPLETED}`), COMPLETED],
  [18, 'a record of no run', addKey(`{hf0}/run/${NONE}`), NONE],
  [18, 'a record that never expires', expiry(COMPLETED, false), COMPLETED],
  [18, 'a record that expires before its run is over', expiry(DEAD, true), DEAD],
  [18, 'an alarm of a run that is over', patchStore(() => ({ alarms: [DEAD, COMPLETED] })), COMPLETED],
  [18, 'a run that nobody looks after', patchStore(() => ({ alarms: [] })), DEAD],
  [18, 'a worker that is gone', patchStore(() => ({ workers: ['one', 'two', 'three'] })), '3 workers'],
  [
    18,
    'an unhandled rejection',
    (facts) => ({ ...facts, unhandled: ['worker-1.log: [UnhandledPromiseRejection]'] }),
    'worker-1.log',
  ],
];

describe('notices', () => {
  it.each(PLANTED)('rule %i: %s', (rule, _what, plant, named) => {
    const found = violations(plant(soundFacts())).filter((each) => each.startsWith(`rule ${rule},`));
    expect(found.join('\n')).toContain(named);
  });
});
