import { InDoubtError, RejectedError, ThrottledError, UnavailableError } from '@holdfast/engine';
import type { Payments } from '@holdfast/flows';
import { redisPins } from '@holdfast/http';
import { freePort, startRedis } from '@holdfast/testkit';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { fallbackPayments } from '../src/fallback-payments.ts';
import { stripePayments } from '../src/stripe/payments.ts';
import { closing, stepCall, stepError } from './calls.ts';
import { json, provider } from './provider-server.ts';

const CHARGE = {
  amount: 3800,
  currency: 'usd',
  paymentMethod: 'pm_card_visa',
  paymentMethods: { 'payment-fallback': 'pm_card_mastercard' },
  customerId: 'cus_1',
  description: 'x',
};
const fault = { code: 'x', message: 'x' };
const unsent = () => new UnavailableError({ ...fault, details: { unsent: true } });

let redis: Awaited<ReturnType<typeof startRedis>>;
let connection: Redis;
beforeAll(async () => {
  redis = await startRedis(['--appendonly', 'no']);
  connection = new Redis(redis.url);
});
beforeEach(async () => {
  await connection.flushall();
});
afterAll(async () => {
  connection.disconnect();
  await redis.stop();
});

type Reaction = Error | string;

/** Two scripted providers; each call takes the next reaction, and the last one stays. */
function two(first: readonly Reaction[], second: readonly Reaction[] = ['pi_2']) {
  const asked: string[] = [];
  const scripted = (name: string, reactions: readonly Reaction[]): Payments => {
    let calls = 0;
    const charge = async () => {
      asked.push(name);
      const reaction = reactions[Math.min(calls, reactions.length - 1)] ?? '';
      calls += 1;
      if (reaction instanceof Error) throw reaction;
      return { chargeId: reaction };
    };
    const note = (what: string) => void asked.push(`${name} ${what}`);
    return {
      charge,
      async readCharge({ chargeId }) {
        note(`reads ${chargeId}`);
        return { chargeId };
      },
      takeBack: async ({ chargeId }) => note(`takes back ${chargeId}`),
      async refund({ chargeId }) {
        note(`refunds ${chargeId}`);
        return { refundId: `re_of_${chargeId}` };
      },
      async readRefund(refundId) {
        note(`reads ${refundId}`);
        return { refundId };
      },
      async endRefund(refundId) {
        note(`ends ${refundId}`);
        return undefined;
      },
      v1: { charge, refund: async ({ chargeId }) => note(`refunds ${chargeId} as ever`) },
    };
  };
  const payments = fallbackPayments(
    scripted('first', first),
    [{ name: 'second', account: 'payment-fallback', payments: scripted('second', second) }],
    redisPins({ connection }),
  );
  return { asked, payments };
}

it('the first is charged while it is there, and its ids stay as they are', async () => {
  const { asked, payments } = two(['pi_1']);
  expect(await payments.charge(CHARGE, stepCall('charge'))).toEqual({ chargeId: 'pi_1' });
  expect(asked).toEqual(['first']);
});

it.each([
  ['nothing could be sent to the first', unsent()],
  ['the breaker of the first is open', new ThrottledError({ ...fault, code: 'breaker_open' })],
])('the second is charged in the same attempt when %s', async (_what, error) => {
  const { asked, payments } = two([error]);
  expect(await payments.charge(CHARGE, stepCall('charge'))).toEqual({ chargeId: 'second/pi_2' });
  expect(asked).toEqual(['first', 'second']);
});

it.each([
  ['the first was asked, and put it off', new UnavailableError({ ...fault, details: { status: 503 } })],
  [
    'the first has a limit',
    new ThrottledError({ ...fault, code: 'rate_limited', details: { unsent: true } }),
  ],
  ['the first declines', new RejectedError(fault)],
  ['the first is in doubt', new InDoubtError(fault)],
  ['the first has spent the key', new UnavailableError({ ...fault, keySpent: true })],
  ['of a mistake of ours', new TypeError('x')],
])('the second is not asked because %s', async (_what, error) => {
  const { asked, payments } = two([error]);
  await expect(payments.charge(CHARGE, stepCall('charge'))).rejects.toBe(error);
  expect(asked).toEqual(['first']);
});

it('a charge in doubt at the first stays there, however unavailable it is then', async () => {
  const { asked, payments } = two([new InDoubtError(fault), unsent(), unsent(), 'pi_1']);
  for (const attempt of [1, 2, 3]) await stepError(payments.charge(CHARGE, stepCall('charge', { attempt })));
  expect(await payments.charge(CHARGE, stepCall('charge', { attempt: 4 }))).toEqual({ chargeId: 'pi_1' });
  expect(asked).toEqual(['first', 'first', 'first', 'first']);
});

it('a charge in doubt at the second stays there, though the first is back', async () => {
  const { asked, payments } = two([unsent(), 'pi_1'], [new InDoubtError(fault), 'pi_2']);
  await stepError(payments.charge(CHARGE, stepCall('charge')));
  const again = await payments.charge(CHARGE, stepCall('charge', { attempt: 2 }));
  expect(again).toEqual({ chargeId: 'second/pi_2' });
  expect(asked).toEqual(['first', 'second', 'second']);
});

it('an attempt whose worker died counts as in doubt', async () => {
  const { asked, payments } = two([unsent(), 'pi_1']);
  await redisPins({ connection }).hold(stepCall('charge').reference, 'of the dead', '');
  await stepError(payments.charge(CHARGE, stepCall('charge')));
  expect(asked).toEqual(['first']);
});

it('attempts that did nothing bind to nobody', async () => {
  const { asked, payments } = two([unsent(), 'pi_1'], [unsent(), 'pi_2']);
  expect(await stepError(payments.charge(CHARGE, stepCall('charge')))).toMatchObject({ kind: 'unavailable' });
  expect(await payments.charge(CHARGE, stepCall('charge', { attempt: 2 }))).toEqual({ chargeId: 'pi_1' });
  expect(asked).toEqual(['first', 'second', 'first']);
});

it.each([
  ['has no payment method for the second', { ...CHARGE, paymentMethods: { payment: 'pm_1' } }],
  ['has one payment method', { ...CHARGE, paymentMethods: undefined }],
])('a charge that %s waits for the first', async (_what, request) => {
  const { asked, payments } = two([unsent()]);
  expect(await stepError(payments.charge(request, stepCall('charge')))).toMatchObject({
    kind: 'unavailable',
  });
  expect(asked).toEqual(['first']);
});

it('a charge of version 1 waits for the first, but for one that was sent to the second before', async () => {
  const { asked, payments } = two([unsent()]);
  expect(await stepError(payments.v1.charge(CHARGE, stepCall('charge')))).toMatchObject({
    kind: 'unavailable',
  });
  await redisPins({ connection }).hold(stepCall('other').reference, 'of the dead', 'second');
  expect(await payments.v1.charge(CHARGE, stepCall('other'))).toEqual({ chargeId: 'second/pi_2' });
  expect(asked).toEqual(['first', 'second']);
});

it('whatever comes after a charge goes to whoever was paid', async () => {
  const { asked, payments } = two(['pi_1']);
  const call = stepCall('charge');
  const charged = { chargeId: 'second/pi_2', amount: 1, currency: 'usd' };
  expect(await payments.refund({ chargeId: 'second/pi_2', amount: 1 }, call)).toEqual({
    refundId: 'second/re_of_pi_2',
  });
  expect(await payments.refund({ chargeId: 'pi_1', amount: 1 }, call)).toEqual({ refundId: 're_of_pi_1' });
  expect(await payments.readCharge(charged, call)).toEqual({ chargeId: 'second/pi_2' });
  expect(await payments.readRefund('second/re_2', call)).toEqual({ refundId: 'second/re_2' });
  await payments.takeBack(charged, call);
  await payments.endRefund('re_1', call);
  await payments.v1.refund({ chargeId: 'second/pi_2', amount: 1 }, call);
  expect(asked).toEqual([
    ...['second refunds pi_2', 'first refunds pi_1', 'second reads pi_2', 'second reads re_2'],
    ...['second takes back pi_2', 'first ends re_1', 'second refunds pi_2 as ever'],
  ]);
});

it('a refund at a provider that is configured no longer waits for it', async () => {
  const { payments } = two(['pi_1']);
  const error = await stepError(payments.refund({ chargeId: 'third/pi_3', amount: 1 }, stepCall('charge')));
  expect(error).toMatchObject({ kind: 'unavailable', code: 'payment_provider_unknown' });
});

it('without the pins nothing is sent', async () => {
  const { asked, payments } = two(['pi_1']);
  const away = new Redis(await freePort(), { maxRetriesPerRequest: 0, retryStrategy: () => null });
  away.on('error', () => {});
  const others = [{ name: 'second', account: 'payment-fallback', payments }] as const;
  const lost = fallbackPayments(payments, others, redisPins({ connection: away }));
  const error = await stepError(lost.charge(CHARGE, stepCall('charge')));
  expect(error).toMatchObject({ kind: 'unavailable', code: 'payment_pin_unknown' });
  expect(asked).toEqual([]);
});

it('over HTTP: a refused connection goes to the second, a reset does not', async () => {
  const second = await provider(json(200, { id: 'pi_2', status: 'succeeded', amount: 3800 }));
  const at = (url: string) => closing(stripePayments({ url, key: 'sk_test' }));
  const pins = redisPins({ connection });
  const others = [{ name: 'second', account: 'payment-fallback', payments: at(second.url) }] as const;
  const refused = fallbackPayments(at(`http://127.0.0.1:${await freePort()}`), others, pins);
  expect(await refused.charge(CHARGE, stepCall('charge'))).toEqual({ chargeId: 'second/pi_2' });

  const resetting = await provider((response) => response.socket?.resetAndDestroy());
  const reset = fallbackPayments(at(resetting.url), others, pins);
  expect(await stepError(reset.charge(CHARGE, stepCall('other')))).toMatchObject({ kind: 'in_doubt' });
  expect(second.received).toHaveLength(1);
});
