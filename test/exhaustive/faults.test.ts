import { type Fault, FULFILLED, keyOf, ORDERS, type RunRecord } from '@holdfast/prove';
import { afterEach, describe, expect, it } from 'vitest';
import { useTestSystem } from '../system.ts';

const system = useTestSystem({ workers: 2 });
afterEach(() => system().sandbox.clearFaults());

type Operation = Pick<Fault, 'provider' | 'operation'>;
type Kind = Omit<Fault, 'provider' | 'operation'>;

const CHARGE: Operation = { provider: 'payment', operation: 'charge' };
const RESERVE: Operation = { provider: 'inventory', operation: 'reserve' };
const LABEL: Operation = { provider: 'shipping', operation: 'label' };
const FIND: Operation = { provider: 'shipping', operation: 'find' };
const SEND: Operation = { provider: 'email', operation: 'send' };
const VOID: Operation = { provider: 'shipping', operation: 'void' };
const RELEASE: Operation = { provider: 'inventory', operation: 'release' };
const REFUND: Operation = { provider: 'payment', operation: 'refund' };

/** Greylisting: the mail waits for its next attempt. */
const NOT_NOW: Fault = { ...SEND, fault: 'error', status: 451, times: 50 };

/** Places an order and cancels it when all but its mail is done. */
async function undo(key: string): Promise<RunRecord> {
  await system().sandbox.fault(NOT_NOW);
  const run = await system().shop.placeSurely(ORDERS.good, key);
  await system().shop.cancelAt(run, 'email');
  return system().shop.end(run);
}

const KINDS: readonly (readonly [string, Kind])[] = [
  ['answers 500', { fault: 'error', status: 500 }],
  ['answers 503', { fault: 'error', status: 503 }],
  ['breaks the connection before the effect', { fault: 'reset_before_effect' }],
  ['breaks the connection after the effect', { fault: 'reset_after_effect' }],
  ['is slow', { fault: 'slow', delayMs: 200 }],
];

/** @returns the ids of the faults */
function set(kind: Kind, operations: readonly Operation[]): Promise<number[]> {
  return Promise.all(operations.map((operation) => system().sandbox.fault({ ...operation, ...kind })));
}

/** Stripe plays a 500 back under its key; what becomes of that is told below. */
function unlessPlayedBack(kind: Kind, operations: readonly Operation[]): readonly Operation[] {
  return kind.status === 500 ? operations.filter(({ provider }) => provider !== 'payment') : operations;
}

describe.each(KINDS)('when every provider %s once', (name, kind) => {
  it('completes the order, with each effect once', async () => {
    const faulty = unlessPlayedBack(kind, [CHARGE, RESERVE, LABEL, SEND]);
    const faults = await set(kind, faulty);
    const run = await system().shop.fulfil(ORDERS.good, keyOf(`forward ${name}`));
    expect(run.status).toBe('completed');
    // a mail whose connection broke may have been sent; it is not sent a second time
    const broken = kind.fault.startsWith('reset');
    expect(run.warnings).toMatchObject(broken ? [{ step: 'email', kind: 'in_doubt' }] : []);
    const { send, ...goods } = await system().sandbox.countsOf(run.id);
    expect({ send: kind.fault === 'reset_before_effect' ? 1 : send, ...goods }).toEqual(FULFILLED);
    await system().sandbox.used(...faults);
    const { calls } = await system().facts();
    const made = ({ operation }: Operation) =>
      calls.filter((call) => call.operation === operation && call.key?.startsWith(run.id)).length;
    const expected = ({ operation }: Operation) => {
      if (kind.fault === 'slow') return 1;
      // a label that was bought is found, not bought again
      return kind.fault === 'reset_after_effect' && operation === 'label' ? 1 : 2;
    };
    const http = faulty.filter((operation) => operation !== SEND);
    expect(http.map(made)).toEqual(http.map(expected));
  });

  it('undoes the order, with each effect undone once, the last first', async () => {
    const faults = await set(kind, unlessPlayedBack(kind, [VOID, RELEASE, REFUND]));
    const run = await undo(keyOf(`backward ${name}`));
    expect(run.status).toBe('cancelled');
    const effects = await system().sandbox.effectsOf(run.id);
    expect(effects.map(({ operation }) => operation)).toEqual([
      ...['charge', 'reserve', 'label'],
      ...['void', 'release', 'refund'],
    ]);
    await system().sandbox.used(...faults);
  });

  it('looks a label in doubt up until it is told, and buys one', async () => {
    await system().sandbox.fault({ ...LABEL, fault: 'reset_after_effect' });
    const faults = await set(kind, [FIND]);
    const run = await system().shop.fulfil(ORDERS.good, keyOf(`look up ${name}`));
    expect(run.status).toBe('completed');
    expect(await system().sandbox.countsOf(run.id)).toEqual(FULFILLED);
    await system().sandbox.used(...faults);
  });
});

it('moves money once when the payment provider plays the same 500 back again and again', async () => {
  await set({ fault: 'error', status: 500 }, [CHARGE]);
  const charged = await system().shop.fulfil(ORDERS.good, '500-for-a-charge');
  expect(charged.status).toBe('completed');
  expect(await system().sandbox.countsOf(charged.id)).toEqual(FULFILLED);

  await set({ fault: 'error', status: 500 }, [REFUND]);
  const refunded = await system().shop.fulfil(ORDERS.outOfStock, '500-for-a-refund');
  expect(refunded).toMatchObject({ status: 'failed', error: { code: 'out_of_stock' } });
  expect(await system().sandbox.countsOf(refunded.id)).toEqual({ charge: 1, refund: 1 });
});

it('completes an order whose mail is refused, with a warning', async () => {
  await system().sandbox.fault({ ...SEND, fault: 'error', status: 550 });
  const run = await system().shop.fulfil(ORDERS.good, 'no-mailbox');
  expect(run).toMatchObject({ status: 'completed', warnings: [{ step: 'email', kind: 'rejected' }] });
  const { send: _, ...goods } = FULFILLED;
  expect(await system().sandbox.countsOf(run.id)).toEqual(goods);
});

it('leaves a provider alone for as long as it asks', async () => {
  const faults = [
    ...(await set({ fault: 'throttle', retryAfter: 1 }, [CHARGE, LABEL, RELEASE])),
    ...(await set({ fault: 'error', status: 503, retryAfter: 1 }, [RESERVE, VOID, REFUND])),
  ];
  const run = await undo('retry-after');
  expect(run.status).toBe('cancelled');
  await system().sandbox.used(...faults);
  const { calls } = await system().facts();
  const toldToWait = calls.filter(
    ({ key, ending }) =>
      key?.startsWith(run.id) && ending.kind === 'answered' && ending.retryAfterMs === 1_000,
  );
  expect(toldToWait.map(({ operation }) => operation)).toEqual([
    ...['charge', 'reserve', 'label'],
    ...['void', 'release', 'refund'],
  ]);
  // that nobody called again before the second was over, the oracle tells
  expect(await system().violations()).toEqual([]);
});

it('leaves all as it must be', async () => {
  expect(await system().violations()).toEqual([]);
});
