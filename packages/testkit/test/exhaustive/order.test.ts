import { RejectedError, type StepCall } from '@holdfast/engine';
import { OrderInput, type OrderPorts, orderFlow } from '@holdfast/flows';
import { expect, it } from 'vitest';
import { crashEverywhere, type Ending, interruptEverywhere, type Providers } from '../../src/index.ts';

const order = OrderInput.parse({
  customer: { id: 'cus_1', email: 'ada@example.com', name: 'Ada' },
  items: [{ sku: 'TEE-M', quantity: 2, unitAmount: 1900 }],
  currency: 'usd',
  paymentMethod: 'pm_card_visa',
  shipTo: { name: 'Ada', line1: '1 Main St', city: 'Springfield', postalCode: '12345', country: 'US' },
});

/** The order flow's ports over invented providers that help as much as the real ones do, and no more. */
function ports(providers: Providers, refused?: string, pending?: 'succeeds' | 'fails'): OrderPorts {
  const ask = <T>(call: StepCall, operation: string, body: object, answer: T, honoursKeys = true) =>
    providers.call<T>(call, {
      ...{ operation, body, honoursKeys, answer: () => answer },
      refuses: () =>
        operation === refused
          ? new RejectedError({ code: 'refused', message: `${operation}: no`, settlesDoubt: true })
          : undefined,
    });
  return {
    payments: {
      charge: (request, call) =>
        ask(call, 'charge', request, {
          chargeId: `pi_${call.reference}`,
          ...(pending && { pending: true as const }),
        }),
      readCharge: async ({ chargeId }) => {
        if (pending !== 'fails') return { chargeId };
        throw new RejectedError({ code: 'refused', message: 'the bank returned it', settlesDoubt: true });
      },
      takeBack: async (request, call) => void (await ask(call, 'refund', request, null)),
      refund: (request, call) => ask(call, 'refund', request, { refundId: `re_${call.reference}` }),
      readRefund: async (refundId) => ({ refundId }),
      endRefund: async () => 'stands',
      v1: {
        charge: (request, call) => ask(call, 'charge', request, { chargeId: `pi_${call.reference}` }),
        refund: async (request, call) => void (await ask(call, 'refund', request, null)),
      },
    },
    inventory: {
      reserve: (request, call) => ask(call, 'reserve', request, { reservationId: call.reference }),
      release: async (request, call) => void (await ask(call, 'release', request, null)),
    },
    shipping: {
      buyLabel: (request, call) =>
        ask(
          call,
          'buy label',
          request,
          { labelId: 'l1', trackingNumber: 'T1', labelUrl: 'https://l/1' },
          false,
        ),
      findLabel: (call) => providers.find(call),
      voidLabel: async (request, call) => void (await ask(call, 'void label', request, null)),
    },
    email: { send: (message, call) => ask(call, 'send', message, { messageId: `<${call.reference}>` }) },
  };
}

const sequence = ['charge', 'reserve', 'ship', 'email'];
const options = { sequence, irreversible: ['email'], pairs: 40 };

/** Holds the effects against those that are expected; a mail of which nobody knows may have been sent or not. */
function expectEffects({ run, world }: Pick<Ending, 'run' | 'world'>, expected: readonly string[]): void {
  const unknown = run.warnings.some(({ step, kind }) => step === 'email' && kind === 'in_doubt');
  const counts = (operation: string) => !(unknown && operation === 'send');
  expect(world.effects.map(({ operation }) => operation).filter(counts)).toEqual(expected.filter(counts));
}

it.each([
  [undefined, 'completed', ['charge', 'reserve', 'buy label', 'send']],
  ['charge', 'failed', []],
  ['reserve', 'failed', ['charge', 'refund']],
  ['buy label', 'failed', ['charge', 'reserve', 'release', 'refund']],
  ['send', 'completed', ['charge', 'reserve', 'buy label']],
] as const)(
  'an order, crashed at every point (refused: %s)',
  async (refused, status, effects) => {
    const report = await crashEverywhere((providers) => orderFlow(ports(providers, refused)), order, {
      ...options,
      expect: ({ run, world }: Ending) => {
        expect(run.status).toBe(status);
        expectEffects({ run, world }, effects);
      },
    });
    console.log(`order, refused: ${refused}`, JSON.stringify(report));
  },
  60_000,
);

it('an order, cancelled at every point, is delivered as a whole or not at all', async () => {
  const report = await interruptEverywhere((providers) => orderFlow(ports(providers)), order, {
    ...options,
    pairs: 0,
    interrupt: (driver, runId) => driver.cancel(runId),
    expect: ({ run, world }) => {
      if (run.status === 'completed')
        return expectEffects({ run, world }, ['charge', 'reserve', 'buy label', 'send']);
      expect(run.status).toBe('cancelled');
      const effects = world.effects.map(({ operation }) => operation);
      expect(effects.includes('charge')).toBe(effects.includes('refund'));
    },
  });
  console.log('order, cancelled', JSON.stringify(report));
}, 60_000);

it.each([
  ['succeeds', 'completed', ['charge', 'reserve', 'buy label', 'send']],
  ['fails', 'failed', ['charge', 'refund']],
] as const)(
  'an order whose charge is settled later and %s, crashed at every point',
  async (pending, status, effects) => {
    const report = await crashEverywhere(
      (providers) => orderFlow(ports(providers, undefined, pending)),
      order,
      {
        ...options,
        looks: ['settlement-1'],
        outside: ({ run, driver }) =>
          driver.signal(run.id, { id: 'evt_1', name: 'payment.settled', payload: null }),
        expect: ({ run, world }: Ending) => {
          expect(run.status).toBe(status);
          expectEffects({ run, world }, effects);
        },
      },
    );
    console.log(`order, settled later: ${pending}`, JSON.stringify(report));
  },
  60_000,
);
