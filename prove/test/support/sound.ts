import type { Facts, ProviderCall } from '@holdfast/prove';
import {
  amountOf,
  type Effect,
  ORDERS,
  type Order,
  type RunRecord,
  STEPS,
  type Standing,
} from '@holdfast/prove';

export const COMPLETED = `run_${'a'.repeat(32)}`;
export const FAILED = `run_${'b'.repeat(32)}`;
export const DEAD = `run_${'c'.repeat(32)}`;

const T0 = Date.parse('2026-01-01T00:00:00Z');

type StepStatus = RunRecord['steps'][number]['status'];

/** The facts of a system that has done all as it must: one order completed, one failed and undone, one dead while shipping. */
export function soundFacts(): Facts {
  const completed = run(COMPLETED, 'completed', ['completed', 'completed', 'completed', 'completed']);
  const failed = run(FAILED, 'failed', ['compensated', 'compensated', 'failed']);
  const dead = run(DEAD, 'dead', ['completed', 'completed', 'failed']);
  return {
    asked: [
      asked('completed', ORDERS.good, completed),
      asked('completed', ORDERS.good, completed),
      asked('failed', ORDERS.badAddress, failed),
      asked('dead', ORDERS.good, dead),
      {
        key: 'failed',
        order: ORDERS.good,
        amount: amountOf(ORDERS.good),
        answer: { kind: 'refused', status: 422, code: 'reused' },
      },
      {
        key: 'lost',
        order: ORDERS.good,
        amount: amountOf(ORDERS.good),
        answer: { kind: 'unknown', reason: 'reset', retryAfterMs: 0 },
      },
    ],
    runs: new Map([completed, failed, dead].map((each) => [each.id, each])),
    ledger: [
      ...effects(COMPLETED, ['charge', 'reserve', 'label', 'send']),
      ...effects(FAILED, ['charge', 'reserve', 'release', 'refund']),
      ...effects(DEAD, ['charge', 'reserve']),
    ].map((effect, i) => ({ ...effect, seq: i + 1 })),
    calls: [
      ...calls(completed, ['charge', 'reserve', 'label']),
      ...calls(failed, ['charge', 'reserve', 'label', 'release', 'refund']),
      ...calls(dead, ['charge', 'reserve', 'label']),
    ],
    heard: [
      { id: 'msg_1', type: 'run.completed', runId: COMPLETED, generation: 1 },
      { id: 'msg_2', type: 'run.failed', runId: FAILED, generation: 1 },
      { id: 'msg_3', type: 'run.dead', runId: DEAD, generation: 1 },
    ],
    store: {
      keys: [
        ...[COMPLETED, FAILED].map((id) => ({ name: `{hf0}/run/${id}`, expires: true })),
        { name: `{hf0}/run/${DEAD}`, expires: false },
        { name: '{hf0}/alarms', expires: false },
        { name: '{hf0}:order:meta', expires: false },
        { name: `{hf0}:dead-letters:${DEAD}.d1`, expires: false },
      ],
      jobs: [{ queue: 'dead-letters', id: `${DEAD}.d1`, runId: DEAD, state: 'failed' }],
      alarms: [DEAD],
      workers: ['one', 'two'],
    },
    acts: [],
    crashes: [],
    promotions: [],
    resumed: [],
    workers: 2,
    locksMayHold: false,
    unhandled: [],
  };
}

function run(id: string, status: RunRecord['status'], steps: readonly StepStatus[]): RunRecord {
  return {
    id,
    flow: 'order',
    generation: 1,
    status,
    idempotencyKey: status,
    ...(status === 'completed' && {
      output: {
        chargeId: `pi_${id}`,
        reservationId: `${id}.1.reserve`,
        trackingNumber: `1Z${id}`,
        messageId: `<${id}>`,
      },
    }),
    ...(status !== 'completed' && {
      error: {
        code: 'some_code',
        message: 'told',
        step: 'ship',
        kind: status === 'dead' ? 'exhausted' : 'rejected',
      },
    }),
    warnings: [],
    steps: standing(status, steps).steps.map((step) => ({ ...step })),
    createdAt: T0,
    updatedAt: T0 + 1_000,
  };
}

function standing(status: RunRecord['status'], steps: readonly StepStatus[]): Standing {
  return {
    generation: 1,
    status,
    steps: steps.map((each, i) => ({
      name: STEPS[i]?.name ?? '',
      status: each,
      attempts: 1,
      startedAt: T0 + i * 100,
    })),
  };
}

function asked(key: string, order: Order, accepted: RunRecord): Facts['asked'][number] {
  return {
    key,
    order,
    amount: amountOf(order),
    answer: { kind: 'accepted', status: 202, replayed: false, run: accepted },
  };
}

function effects(id: string, operations: readonly string[]): Omit<Effect, 'seq'>[] {
  const facts: Readonly<Record<string, Partial<Effect>>> = {
    charge: { id: `pi_${id}`, amount: 3_800, reference: id },
    refund: { amount: 3_800, reference: id },
    label: { trackingNumber: `1Z${id}` },
    send: { messageId: `<${id}>` },
  };
  return operations.map((operation, i) => {
    const { step } = stepOf(operation);
    const reference = `${id}.1.${step.name}`;
    return {
      provider: 'any',
      operation,
      reference,
      idempotencyKey: null,
      at: T0 + i * 100,
      ...facts[operation],
    };
  });
}

/** Each operation called once, in order, each at a time when all before it was recorded. */
function calls({ id }: RunRecord, operations: readonly string[]): ProviderCall[] {
  const done = new Map<string, StepStatus>();
  return operations.map((operation, i) => {
    const { step, undo } = stepOf(operation);
    const seen = standing(
      undo ? 'compensating' : 'running',
      STEPS.flatMap(({ name }) => done.get(name) ?? []),
    );
    const refused = operation === 'label' && id !== COMPLETED;
    done.set(step.name, undo ? 'compensated' : refused ? 'failed' : 'completed');
    const at = T0 + i * 100;
    return {
      operation,
      key: `${id}:1:${step.name}${undo ? ':undo' : ''}`,
      body: operation,
      at,
      seen,
      ending: { kind: 'answered', at: at + 50, status: refused ? 422 : 200, retryAfterMs: undefined },
    };
  });
}

function stepOf(operation: string) {
  const step = STEPS.find(({ effect, undo }) => effect === operation || undo === operation);
  if (!step) throw new Error(`no step has the effect ${operation}`);
  return { step, undo: step.undo === operation };
}
