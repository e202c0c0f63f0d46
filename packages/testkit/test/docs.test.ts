import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { defineFlow, type LookUp, RejectedError, type StepCall } from '@holdfast/engine';
import { createDriver } from '@holdfast/engine/testing';
import { Redis } from 'ioredis';
import { expect, it } from 'vitest';
import { z } from 'zod';
import {
  crashAtRandom,
  crashEverywhere,
  interruptEverywhere,
  type Providers,
  raceInEveryOrder,
  startRedis,
} from '../src/index.ts';

interface Shop {
  charge(amount: number, call: StepCall): Promise<{ readonly chargeId: string }>;
  refund(charge: { readonly chargeId: string }, call: StepCall): Promise<void>;
  buyLabel(call: StepCall): Promise<{ readonly tracking: string }>;
  findLabel(call: StepCall): Promise<LookUp<{ readonly tracking: string }>>;
}

// #region flow
const checkout = (shop: Shop) =>
  defineFlow({
    name: 'checkout',
    version: 1,
    input: z.int(),
    output: z.string(),
    async run(ctx, amount) {
      await ctx.step('charge', {
        run: (call) => shop.charge(amount, call),
        undo: (charge, call) => shop.refund(charge, call),
        whenInDoubt: 'repeat',
      });
      const { tracking } = await ctx.step('ship', {
        run: (call) => shop.buyLabel(call),
        whenInDoubt: (call) => shop.findLabel(call),
      });
      return tracking;
    },
  });
// #endregion

// #region shop
const shopOver = (providers: Providers, soldOut = false): Shop => ({
  charge: (amount, call) =>
    providers.call(call, { operation: 'charge', body: { amount }, answer: () => ({ chargeId: 'ch_1' }) }),
  refund: (charge, call) =>
    providers.call(call, { operation: 'refund', body: charge, answer: () => undefined }),
  buyLabel: (call) =>
    providers.call(call, {
      operation: 'buy label',
      body: call.reference,
      honoursKeys: false,
      answer: () => ({ tracking: 'T-1' }),
      refuses: () =>
        soldOut
          ? new RejectedError({ code: 'sold_out', message: 'no labels left', settlesDoubt: true })
          : undefined,
    }),
  findLabel: (call) => providers.find(call),
});
// #endregion

it('crashed everywhere', async () => {
  // #region crash
  const report = await crashEverywhere((providers) => checkout(shopOver(providers)), 4200, {
    sequence: ['charge', 'ship'],
    pairs: 20,
    expect: ({ run }) => assert.equal(run.status, 'completed'),
  });
  console.log(`${report.points} points, ${report.executions + report.pairs} executions, ${report.ms} ms`);
  // #endregion
  expect(report.executions).toBeGreaterThan(report.points);
});

it('refused, and cancelled everywhere', async () => {
  // #region refused
  await crashEverywhere((providers) => checkout(shopOver(providers, true)), 4200, {
    expect: ({ run, world }) => {
      assert.equal(run.status, 'failed');
      assert.deepEqual(
        world.effects.map(({ operation }) => operation),
        ['charge', 'refund'],
      );
    },
  });
  // #endregion
  // #region cancel
  await interruptEverywhere((providers) => checkout(shopOver(providers)), 4200, {
    irreversible: ['ship'],
    interrupt: (driver, runId) => driver.cancel(runId),
    expect: ({ run }) => assert.ok(run.status === 'completed' || run.status === 'cancelled'),
  });
  // #endregion
});

// #region approval
const approval = (providers: Providers) =>
  defineFlow({
    name: 'approval',
    version: 1,
    input: z.null(),
    output: z.unknown(),
    async run(ctx) {
      await ctx.step('ask', providers.step('ask'));
      await ctx.waitFor('answer', { timeout: '3d' });
      await ctx.step('call', providers.step('call', { helps: 'nothing' }));
    },
  });
// #endregion

it('with somebody outside', async () => {
  // #region outside
  await crashEverywhere(approval, null, {
    sequence: ['ask', 'call'],
    outside: async ({ run, driver, world }) => {
      if (run.status === 'suspended')
        await driver.signal(run.id, { id: 'a1', name: 'answer', payload: 'yes' });
      if (run.status !== 'dead') return;
      const happened = world.effects.some(({ step }) => step === 'call');
      await driver.resolve(run.id, {
        step: 'call',
        ...(happened ? { outcome: 'happened', result: { done: 'call' } } : { outcome: 'did_not_happen' }),
      });
    },
    expect: ({ run }) => assert.equal(run.status, 'completed'),
  });
  // #endregion
  // #region race
  await raceInEveryOrder(approval, null, {
    actors: {
      worker: (driver) => driver.deliver('approval'),
      person: (driver, runId) => driver.signal(runId, { id: 'a1', name: 'answer', payload: 'yes' }),
    },
    expect: ({ run }, { person }) => {
      assert.equal(person, 'delivered');
      assert.equal(run.status, 'completed');
    },
  });
  // #endregion
});

it('at random', async () => {
  // #region random
  await crashAtRandom((providers) => checkout(shopOver(providers)), {
    executions: 20,
    draw: (random) => 1 + Math.floor(random() * 10_000),
    expect: ({ world }, amount) => assert.deepEqual(world.effects[0]?.body, { amount }),
  });
  // #endregion
});

it('by hand', async () => {
  const redis = await startRedis(['--appendonly', 'no']);
  const refund = async () => {};
  const shop: Shop = {
    charge: async () => ({ chargeId: 'ch_1' }),
    buyLabel: async () => ({ tracking: 'T-1' }),
    findLabel: async () => ({ outcome: 'none' }),
    refund,
  };
  // #region driver
  const flow = checkout(shop);
  const connection = new Redis(redis.url, { maxRetriesPerRequest: null });
  const driver = createDriver({ connection, flows: [flow] });
  const runId = await driver.submit(flow, 4200, 'order-1001');
  await driver.drive(runId);
  const run = await driver.read(runId);
  // #endregion
  expect(run).toMatchObject({ status: 'completed', output: 'T-1' });
  await driver.close();
  connection.disconnect();
  await redis.stop();
});

it('docs/testing-flows.md shows what is run here', () => {
  const here = readFileSync(new URL(import.meta.url), 'utf8');
  const page = readFileSync(new URL('../../../docs/testing-flows.md', import.meta.url), 'utf8');
  const regions = [...here.matchAll(/^( *)\/\/ #region [\w-]+\n([\s\S]*?)^ *\/\/ #endregion/gm)].map(
    ([, indent = '', code = '']) => code.replaceAll(new RegExp(`^${indent}`, 'gm'), '').trim(),
  );
  const blocks = [...page.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code = '']) => code.trim());
  expect(blocks.toSorted()).toEqual(regions.toSorted());
});
