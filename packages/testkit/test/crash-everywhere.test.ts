import { defineFlow, type FlowContext, RejectedError } from '@holdfast/engine';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import {
  crashAtRandom,
  crashEverywhere,
  type Providers,
  raceInEveryOrder,
  startRedis,
  type TestRedis,
} from '../src/index.ts';

let redis: TestRedis;
beforeAll(async () => {
  redis = await startRedis(['--appendonly', 'no']);
});
afterAll(() => redis.stop());

const flowOf = (run: (ctx: FlowContext) => Promise<unknown>) =>
  defineFlow({ name: 'tested', version: 1, input: z.unknown(), output: z.unknown(), run });

const no = new RejectedError({ code: 'no', message: 'no', settlesDoubt: true });

function crash(run: (ctx: FlowContext, providers: Providers) => Promise<unknown>, options: object = {}) {
  return crashEverywhere((providers) => flowOf((ctx) => run(ctx, providers)), null, {
    ...{ redisUrl: redis.url, seed: 1, expect: () => {} },
    ...options,
  });
}

it('passes a flow that is as it should be, and says how much was tried', async () => {
  const report = await crash(
    async (ctx, providers) => {
      await ctx.step('charge', providers.step('charge'));
      await ctx.step('ship', providers.step('ship', { helps: 'look_up' }));
    },
    {
      sequence: ['charge', 'ship'],
      pairs: 5,
      expect: ({ run }: { run: object }) => expect(run).toMatchObject({ status: 'completed' }),
    },
  );
  expect(report).toMatchObject({ points: expect.any(Number), pairs: 5 });
  expect(report.executions).toBeGreaterThan(report.points * 3);
});

it('notices an effect that happens twice, and names the point, the fault, the seed and the trace', async () => {
  const told = await crash(async (ctx, providers) => {
    const { run } = providers.step('ship', { helps: 'nothing' });
    await ctx.step('ship', { run, whenInDoubt: 'repeat' });
  }).then(
    () => '',
    (error: Error) => error.message,
  );
  expect(told).toContain('crash_before_reply at worker: ship (1)');
  expect(told).toContain('1:ship happened 2 times');
  expect(told).toContain('HOLDFAST_SEED=1');
  expect(told).toMatch(/#\d+ worker: claim-run/);
});

it.each<[string, (ctx: FlowContext, providers: Providers) => Promise<unknown>, RegExp]>([
  [
    'a body that is another one on replay',
    (ctx, p) => ctx.step('charge', p.step('charge', { body: Math.random() })),
    /was sent with another body/,
  ],
  [
    'a step that nothing undoes',
    async (ctx, p) => {
      await ctx.step('charge', p.step('charge', { undo: false }));
      await ctx.step('ship', p.step('ship', { refuses: () => no }));
    },
    /"charge" is completed, but it should have been undone/,
  ],
  [
    'steps in another order than said',
    async (ctx, p) => {
      await ctx.step('ship', p.step('ship'));
      await ctx.step('charge', p.step('charge'));
    },
    /ship was called before step "charge" was recorded/,
  ],
  [
    'a look-up that is wrong',
    (ctx, p) =>
      ctx.step('mail', {
        ...p.step('mail', { helps: 'look_up' }),
        whenInDoubt: async () => ({ outcome: 'none' as const }),
      }),
    /1:mail happened 2 times/,
  ],
])('notices %s', async (_what, run, complaint) => {
  await expect(crash(run, { sequence: ['charge', 'ship'] })).rejects.toThrow(complaint);
});

it('what the caller expects is held each time', async () => {
  const flow = (ctx: FlowContext, p: Providers) => ctx.step('charge', p.step('charge'));
  const expectOnce = { expect: ({ faults }: { faults: object[] }) => expect(faults).toEqual([]) };
  await expect(crash(flow, expectOnce)).rejects.toThrow(/3 of 4 executions did not hold/);
});

it('an execution that hangs is a failure', async () => {
  const flow = (ctx: FlowContext) => ctx.step('stuck', { run: () => new Promise(() => {}) });
  await expect(crash(flow, { maxMs: 300 })).rejects.toThrow(/did not come to rest within 300 ms/);
});

it('the same seed draws the same executions', async () => {
  const drawn: number[][] = [[], []];
  for (const inputs of drawn) {
    await crashAtRandom((p) => flowOf((ctx) => ctx.step('charge', p.step('charge'))), {
      ...{ redisUrl: redis.url, executions: 5, seed: 7, chance: 0.2 },
      draw: (random) => {
        const input = random();
        inputs.push(input);
        return input;
      },
      expect: ({ run }) => expect(run.status).toBe('completed'),
    });
  }
  expect(drawn[0]).toEqual(drawn[1]);
});

it('tries every order of two actors once', async () => {
  const orders = new Set<string>();
  let order: string[] = [];
  const report = await raceInEveryOrder((p) => flowOf((ctx) => ctx.step('charge', p.step('charge'))), null, {
    redisUrl: redis.url,
    actors: {
      one: async (driver, runId) => {
        for (const nth of [1, 2]) {
          await driver.read(runId);
          order.push(`one ${nth}`);
        }
      },
      other: async (driver, runId) => {
        for (const nth of [1, 2]) {
          await driver.read(runId);
          order.push(`other ${nth}`);
        }
      },
    },
    expect: () => {
      orders.add(order.join(', '));
      order = [];
    },
  });
  expect(report.orders).toBe(6);
  expect(orders.size).toBe(6);
});
