import type { CallEvent, Run, RunEvent, StepState } from '@holdfast/engine';

/** 22 November 2026, 03:10:00 UTC. */
export const T0 = Date.UTC(2026, 10, 22, 3, 10);

type Common = Omit<Run, 'status' | 'output' | 'error' | 'finishedAt' | 'deaths' | 'waitingFor'>;

const COMMON: Common = {
  id: 'run_0123456789abcdef0123456789abcdef',
  tenant: 'dev',
  flow: 'order',
  version: 1,
  generation: 1,
  idempotencyKey: 'order-1001',
  input: { card: 'secret-input' },
  steps: [],
  waits: [],
  warnings: [],
  signals: [],
  events: [],
  callsLeftOut: 0,
  drawn: 0,
  settled: 0,
  revision: 7,
  createdAt: T0,
  updatedAt: T0,
};

export function step(
  name: string,
  status: StepState['status'],
  from: number,
  to?: number,
  more: Partial<StepState> = {},
): StepState {
  return {
    name,
    status,
    attempts: 1,
    startedAt: T0 + from,
    key: `${COMMON.id}:1:${name}`,
    ...(to !== undefined && { finishedAt: T0 + to }),
    ...more,
  };
}

export function failed(
  step: string,
  attempt: number,
  from: number,
  to: number,
  until: number | undefined,
  more: {
    readonly what?: CallEvent['what'];
    readonly kind?: CallEvent['outcome'];
    readonly code?: string;
  } = {},
): CallEvent {
  const { what = 'run', kind = 'unavailable', code = 'service_unavailable' } = more;
  const error = { code, kind, message: `the provider answered 503 (${code}).` };
  const made = called(step, attempt, from, to, { what, outcome: kind });
  return { ...made, ...(until !== undefined && { until: T0 + until }), error };
}

export function called(
  step: string,
  attempt: number,
  from: number,
  to: number,
  more: Partial<CallEvent> = {},
): CallEvent {
  const key = `${COMMON.id}:1:${step}${more.what === 'undo' ? ':undo' : ''}`;
  return {
    ...{ kind: 'call', what: 'run', outcome: 'ok', step, n: attempt, attempt, key },
    ...{ startedAt: T0 + from, at: T0 + to, ...more },
  };
}

export function event(kind: 'died' | 'redriven' | 'resolved' | 'cancel_requested', at: number): RunEvent {
  return { kind, at: T0 + at };
}

export function takenOver(at: number): RunEvent {
  return { kind: 'taken_over', at: T0 + at, worker: '3f2a91bc-77aa-4c1e-9f00-1234567890ab' };
}

const OUTPUT = { chargeId: 'secret-output' };

export const straight: Run = {
  ...COMMON,
  steps: [
    step('charge', 'completed', 4, 130),
    step('reserve', 'completed', 131, 190),
    step('ship', 'completed', 192, 420),
    step('email', 'completed', 421, 470),
  ],
  ...{ status: 'completed', output: OUTPUT, finishedAt: T0 + 472 },
};

/** Its worker was killed while it bought the label; another one went on. */
export const survivor: Run = {
  ...COMMON,
  steps: [
    step('charge', 'completed', 4, 330),
    step('reserve', 'completed', 331, 490),
    step('ship', 'completed', 492, 2420, { attempts: 2 }),
    step('email', 'completed', 2421, 2670),
  ],
  events: [
    called('ship', 1, 492, 1_900, { outcome: 'cut_off' }),
    takenOver(1900),
    called('ship', 2, 1_905, 2_420),
  ],
  ...{ status: 'completed', output: OUTPUT, finishedAt: T0 + 2672 },
};

const shipError = { code: 'service_unavailable', kind: 'unavailable', message: 'shipping answered 503.' };

const EXHAUSTED: readonly RunEvent[] = [
  failed('ship', 1, 200, 420, 900),
  failed('ship', 2, 905, 1120, 2300),
  failed('ship', 3, 2303, 2500, 4400),
  failed('ship', 4, 4405, 4700, undefined),
];

export const dead: Run = {
  ...COMMON,
  steps: [
    step('charge', 'completed', 4, 130),
    step('reserve', 'completed', 131, 190),
    step('ship', 'failed', 200, undefined, { attempts: 4, error: shipError }),
  ],
  events: [...EXHAUSTED, event('died', 4702)],
  ...{ status: 'dead', deaths: 1, error: { ...shipError, kind: 'exhausted', step: 'ship' } },
};

/** Dead for days, then redriven. */
export const redriven: Run = {
  ...COMMON,
  steps: [
    ...dead.steps.slice(0, 2),
    step('ship', 'completed', 200, 259_204_000, { attempts: 5 }),
    step('email', 'completed', 259_204_010, 259_204_300),
  ],
  events: [...dead.events, event('redriven', 259_203_500), called('ship', 5, 259_203_510, 259_204_000)],
  ...{ status: 'completed', output: OUTPUT, finishedAt: T0 + 259_204_302 },
};

export const inDoubt: Run = {
  ...COMMON,
  steps: [
    step('charge', 'completed', 4, 130),
    step('reserve', 'completed', 131, 190),
    step('label', 'in_doubt', 200, undefined, {
      error: { code: 'timeout', kind: 'in_doubt', message: 'no answer' },
    }),
  ],
  events: [
    failed('label', 1, 200, 3200, undefined, { kind: 'in_doubt', code: 'timeout' }),
    event('died', 3202),
  ],
  ...{
    status: 'dead',
    deaths: 1,
    error: { code: 'timeout', kind: 'in_doubt', step: 'label', message: 'no answer' },
  },
};

/** Out of stock after the charge; the refund needed two attempts. */
export const undone: Run = {
  ...COMMON,
  steps: [
    step('charge', 'compensated', 4, 1400, {
      undo: { attempts: 2, startedAt: T0 + 410, finishedAt: T0 + 1400, doneAt: T0 + 230, key: 'undo' },
    }),
    step('reserve', 'failed', 231, 400, {
      error: { code: 'out_of_stock', kind: 'rejected', message: 'gone' },
    }),
  ],
  events: [
    failed('reserve', 1, 231, 400, undefined, { kind: 'rejected', code: 'out_of_stock' }),
    failed('charge', 1, 410, 600, 1200, { what: 'undo' }),
    called('charge', 2, 1_205, 1_400, { what: 'undo' }),
  ],
  ...{
    status: 'failed',
    error: { code: 'out_of_stock', kind: 'rejected', step: 'reserve', message: 'TEE-M is out of stock.' },
    finishedAt: T0 + 1402,
  },
};

export const sleeper: Run = {
  ...COMMON,
  flow: 'trial',
  steps: [step('welcome', 'completed', 5, 200)],
  waits: [
    {
      kind: 'timer',
      name: 'sleep-1',
      startedAt: T0 + 210,
      finishedAt: T0 + 3_600_210,
      until: T0 + 3_600_210,
    },
    { kind: 'signal', name: 'payment.settled', startedAt: T0 + 3_600_300, until: T0 + 90_000_000 },
  ],
  ...{
    status: 'suspended',
    waitingFor: { kind: 'signal', name: 'payment.settled', until: T0 + 90_000_000 },
  },
};

export const retrying: Run = {
  ...COMMON,
  steps: [
    ...dead.steps.slice(0, 2),
    step('ship', 'waiting', 200, undefined, { attempts: 3, error: shipError }),
  ],
  events: EXHAUSTED.slice(0, 3),
  ...{ status: 'suspended', waitingFor: { kind: 'retry', step: 'ship', until: T0 + 4400 } },
};

export const underWay: Run = {
  ...COMMON,
  steps: [step('charge', 'completed', 4, 130), step('reserve', 'running', 131)],
  status: 'running',
};
