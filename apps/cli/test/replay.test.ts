import { defineFlow, type Flow } from '@holdfast/engine';
import { createDriver } from '@holdfast/engine/testing';
import { type OrderInput, orderContract, paymentContract } from '@holdfast/flows';
import { startRedis, type TestRedis } from '@holdfast/testkit';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { holdfast } from './support/run-cli.ts';

const ORDER: OrderInput = {
  customer: { id: 'cus_1', email: 'ada@example.com', name: 'Ada' },
  items: [{ sku: 'TEE-M', quantity: 2, unitAmount: 1900 }],
  currency: 'usd',
  paymentMethod: 'pm_card_visa',
  shipTo: { name: 'Ada', line1: '1 Main St', city: 'Springfield', postalCode: '12345', country: 'US' },
};
const OUTPUT = { chargeId: 'pi_1', reservationId: 'res_1', trackingNumber: 'TRK1', messageId: '<m1>' };

/** An order flow as it may have been, which left its steps in the journal. */
const orderOf = (steps: readonly string[], version = 1): Flow =>
  defineFlow({
    ...{ ...orderContract, version },
    async run(ctx) {
      for (const name of steps) await ctx.step(name, { run: async () => OUTPUT });
      return OUTPUT;
    },
  });

let redis: TestRedis;
let connection: Redis;
beforeAll(async () => {
  redis = await startRedis();
  connection = new Redis(redis.url, { maxRetriesPerRequest: null });
});
afterAll(async () => {
  connection.disconnect();
  await redis.stop();
});
beforeEach(async () => {
  await connection.flushall();
});

/** @param drives how far each run goes: claimed and driven, or only accepted */
async function record(flow: Flow, input: unknown, keys: readonly string[], drives = true): Promise<string[]> {
  const driver = createDriver({ connection, flows: [flow] });
  const runIds: string[] = [];
  for (const key of keys) {
    const runId = await driver.submit(flow, input, key);
    if (drives) await driver.drive(runId);
    runIds.push(runId);
  }
  await driver.close();
  return runIds;
}

const replay = (...args: string[]) => holdfast(['replay', ...args], { HOLDFAST_REDIS_URL: redis.url });

const TODAY = ['charge', 'reserve', 'ship', 'email'];

describe('holdfast replay', () => {
  test('has nothing to do where nothing is recorded', async () => {
    expect(await replay()).toEqual({ code: 0, out: 'There are no recorded runs to replay.\n', err: '' });
  });

  test("is content with runs that go on with today's flows, and leaves them as they are", async () => {
    const runIds = await record(orderOf(TODAY), ORDER, ['a', 'b']);
    await record(orderOf(TODAY), ORDER, ['c'], false);
    const before = await Promise.all(runIds.map((id) => connection.dump(`{hf0}/run/${id}`)));
    const { code, out, err } = await replay();
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toBe("3 runs replayed: 3 fit.\nRecorded runs continue with today's code.\n");
    expect(await Promise.all(runIds.map((id) => connection.dump(`{hf0}/run/${id}`)))).toEqual(before);
  });

  test.each([
    ['renamed', ['pay', 'reserve', 'ship', 'email'], 'goes on with step "pay"', 'asks for step "charge"'],
    [
      ...(['reordered', ['reserve', 'charge', 'ship', 'email']] as const),
      ...(['goes on with step "reserve"', 'asks for step "charge"'] as const),
    ],
    ['added', ['charge', 'ship', 'email'], 'goes on with step "ship"', 'asks for step "reserve"'],
    ['removed', ['screen', ...TODAY], 'goes on with step "screen"', 'asks for step "charge"'],
  ])('names each run whose steps were %s since', async (_what, steps, journal, code) => {
    const [runId = ''] = await record(orderOf(steps), ORDER, ['a']);
    const ran = await replay();
    expect(ran.code).toBe(1);
    expect(ran.out).toContain(runId);
    expect(ran.out).toContain(`the journal ${journal}; the code ${code}`);
    expect(ran.out).toContain('1 run replayed: 0 fit, 1 diverge.');
  });

  test('reports a version that is not registered; it matters to runs that are not over', async () => {
    const [ended = ''] = await record(orderOf(TODAY, 9), ORDER, ['a']);
    const first = await replay();
    expect(first.code).toBe(0);
    expect(first.out).toMatch(new RegExp(`${ended} +order v9 +completed +version 9 is not registered`));
    const [open = ''] = await record(orderOf(TODAY, 9), ORDER, ['b'], false);
    const second = await replay();
    expect(second.code).toBe(1);
    expect(second.out).toContain(open);
  });

  test('takes one flow, or so many runs, those first that are not over', async () => {
    await record(orderOf(['elsewhere']), ORDER, ['a']);
    const payment = defineFlow({
      ...paymentContract,
      run: async (ctx, input) => {
        const chargeId = await ctx.step('charge', { run: async () => 'pi_1' });
        return { ...input, id: ctx.runId, status: 'completed' as const, chargeId };
      },
    });
    const input = { amount: 100, currency: 'usd', customerId: 'c', paymentMethod: 'pm', description: '' };
    await record(payment as Flow, input, ['p']);
    await record(orderOf(TODAY), ORDER, ['open'], false);
    expect((await replay()).code).toBe(1);
    expect(await replay('--flow', 'payment')).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^1 run /),
    });
    expect(await replay('--limit', '1')).toMatchObject({ code: 0, out: expect.stringMatching(/^1 run /) });
    expect(await replay('--limit', 'all')).toMatchObject({ code: 2, err: expect.stringContaining('whole') });
  });

  test('prints JSON', async () => {
    const [runId = ''] = await record(orderOf(['pay']), ORDER, ['a']);
    const { code, out } = await replay('--json');
    expect(code).toBe(1);
    expect(JSON.parse(out)).toEqual({
      ok: false,
      summary: { runs: 1, fit: 0, diverged: 1, versionMissing: 0 },
      runs: [
        {
          ...{ runId, flow: 'order', version: 1, generation: 1, status: 'completed', outcome: 'diverged' },
          ...{ journal: 'goes on with step "pay"', code: 'asks for step "charge"' },
        },
      ],
    });
  });
});
