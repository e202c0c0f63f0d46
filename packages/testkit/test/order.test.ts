import { RejectedError, type StepCall } from '@holdfast/engine';
import { OrderInput, type OrderPorts, orderFlow } from '@holdfast/flows';
import { expect, it } from 'vitest';
import { crashEverywhere, type Ending, interruptEverywhere, type Providers } from '../src/index.ts';

const order = OrderInput.parse({
  customer: { id: 'cus_1', email: 'ada@example.com', name: 'Ada' },
  items: [{ sku: 'TEE-M', quantity: 2, unitAmount: 1900 }],
  currency: 'usd',
  paymentMethod: 'pm_card_visa',
  shipTo: { name: 'Ada', line1: '1 Main St', city: 'Springfield', postalCode: '12345', country: 'US' },
});

/** The order flow's ports over invented providers that help as much as the real ones do, and no more. */
function ports(providers: Providers, refused?: string): OrderPorts {
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
      charge: (request, call) => ask(call, 'charge', request, { chargeId: `pi_${call.reference}` }),
      refund: async (request, call) => void (await ask(call, 'refund', request, null)),
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

it.each([
  [undefined, 'completed', ['charge', 'reserve', 'buy label', 'send']],
  ['charge', 'failed', []],
  ['reserve', 'failed', ['charge', 'refund']],
  ['buy label', 'failed', ['charge', 'reserve', 'release', 'refund']],
] as const)(
  'an order, crashed at every point (refused: %s)',
  async (refused, status, effects) => {
    const report = await crashEverywhere((providers) => orderFlow(ports(providers, refused)), order, {
      ...options,
      expect: ({ run, world }: Ending) => {
        expect(run.status).toBe(status);
        expect(world.effects.map(({ operation }) => operation)).toEqual(effects);
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
      const happened = world.effects.map(({ operation }) => operation);
      if (run.status === 'completed')
        return expect(happened).toEqual(['charge', 'reserve', 'buy label', 'send']);
      expect(run.status).toBe('cancelled');
      expect(happened.includes('charge')).toBe(happened.includes('refund'));
    },
  });
  console.log('order, cancelled', JSON.stringify(report));
}, 60_000);
