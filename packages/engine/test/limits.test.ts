import { afterAll, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import { defineFlow, type FlowContext, InDoubtError, LIMITS, RejectedError } from '../src/index.ts';
import { startSystem, type TestSystem } from './system.ts';

/** What the flow does, by the name of the input. */
const cases: Record<string, (ctx: FlowContext) => Promise<unknown>> = {};
const any = defineFlow({
  name: 'any',
  version: 1,
  input: z.string(),
  output: z.unknown(),
  run: (ctx, name) => cases[name]?.(ctx) ?? Promise.resolve(null),
});

let system: TestSystem;
beforeAll(async () => {
  system = await startSystem([any]);
  system.startWorker();
});
afterAll(() => system.close());

async function outcomeOf(name: string, run: (ctx: FlowContext) => Promise<unknown>) {
  cases[name] = run;
  return system.runThat(
    await system.submit(any, name),
    (r) => r.status === 'dead' || r.status === 'failed',
    'over',
  );
}

const returns = (value: unknown) => (ctx: FlowContext) =>
  ctx.step('odd', { run: async () => value as never, whenInDoubt: 'repeat' });

class Money {
  readonly amount = 1;
}
const circular: Record<string, unknown> = {};
circular.self = { circular };

it.each([
  ['a date', { at: [new Date(0)] }, 'at at[0] is a Date'],
  ['NaN', { price: Number.NaN }, 'at price is NaN'],
  ['a bigint', 1n, 'is a bigint'],
  ['a map', new Map(), 'is a Map'],
  ['an instance', { money: new Money() }, 'at money is a Money'],
  ['a cycle', circular, 'is a reference to something that contains it'],
  ['a function', { f: () => 1 }, 'at f is a function'],
])('a result that is %s is a clear error, never a silent change', async (name, value, says) => {
  const run = await outcomeOf(`json ${name}`, returns(value));
  expect(run).toMatchObject({ status: 'dead', error: { kind: 'bug', code: 'not_json', step: 'odd' } });
  if (run.status !== 'dead') throw new Error('unreachable');
  expect(run.error.message).toContain('the result of step "odd"');
  expect(run.error.message).toContain(says);
});

it('a result that is too large names the step and the size', async () => {
  const run = await outcomeOf('large', returns('x'.repeat(LIMITS.resultBytes)));
  expect(run).toMatchObject({
    status: 'dead',
    error: { kind: 'bug', code: 'result_too_large', step: 'odd' },
  });
  if (run.status === 'dead') expect(run.error.message).toContain(`"odd" is ${LIMITS.resultBytes + 2} bytes`);
});

it('records that come to too much, or are too many, end the run with the step', async () => {
  const heavy = await outcomeOf('heavy', async (ctx) => {
    for (let n = 0; n < 20; n += 1) {
      await ctx.step(`part-${n}`, {
        run: async () => 'x'.repeat(LIMITS.resultBytes - 10),
        whenInDoubt: 'repeat',
      });
    }
  });
  expect(heavy).toMatchObject({ status: 'dead', error: { code: 'journal_too_large', step: 'part-15' } });

  const many = await outcomeOf('many', async (ctx) => {
    const numbers = Array.from({ length: LIMITS.records + 1 }, (_, n) => n);
    await Promise.all(numbers.map((n) => ctx.step(`n-${n}`, { run: async () => n, whenInDoubt: 'repeat' })));
  });
  expect(many).toMatchObject({ status: 'dead', error: { code: 'too_many_steps', step: 'n-1000' } });
});

it('an input that is too large is refused before anything is written', async () => {
  await expect(system.submit(any, 'x'.repeat(LIMITS.inputBytes))).rejects.toMatchObject({
    code: 'validation_failed',
  });
});

it('errors keep code, message, details, cause and stack through the journal', async () => {
  const run = await outcomeOf('rich', async (ctx) => {
    const cause = Object.assign(new Error('socket closed'), { code: 'ECONNRESET' });
    const fault = { code: 'out_of_stock', message: 'none left', details: { sku: 'TEE' }, cause };
    try {
      await ctx.step('reserve', {
        run: async () => Promise.reject(new RejectedError(fault)),
        whenInDoubt: 'repeat',
      });
    } catch (error) {
      await ctx.sleep('10ms');
      throw error;
    }
  });
  expect(run).toMatchObject({
    status: 'failed',
    error: {
      ...{
        kind: 'rejected',
        code: 'out_of_stock',
        message: 'none left',
        step: 'reserve',
        details: { sku: 'TEE' },
      },
      cause: { code: 'ECONNRESET', message: 'socket closed' },
    },
  });
  if (run.status === 'failed') expect(run.error.stack).toContain('limits.test.ts');
});

it('a throw of something that is no Error leaves the step in doubt, and shows it', async () => {
  const run = await outcomeOf('thrown', (ctx) => ctx.step('odd', { run: () => Promise.reject('just text') }));
  expect(run).toMatchObject({
    status: 'dead',
    error: { kind: 'in_doubt', code: 'not_an_error', step: 'odd' },
  });
});

it('a step that forgets its key in time does not repeat past it: it asks, or stops', async () => {
  let calls = 0;
  const lost = async () => {
    calls += 1;
    throw new InDoubtError({ code: 'lost', message: 'lost', retryAfter: '40ms' });
  };
  const stopped = await outcomeOf('forgotten', (ctx) =>
    ctx.step('pay', { run: lost, whenInDoubt: 'repeat', keyLifetime: '30ms' }),
  );
  expect(stopped).toMatchObject({
    status: 'dead',
    error: { kind: 'in_doubt', code: 'step_in_doubt', step: 'pay' },
  });
  expect(calls).toBe(1);

  cases.asked = (ctx) =>
    ctx.step('pay', {
      run: lost,
      whenInDoubt: 'repeat',
      keyLifetime: '30ms',
      afterKeyLifetime: async () => ({ outcome: 'found', result: 'it was there' }),
    });
  expect((await system.runWith(await system.submit(any, 'asked'), 'completed')).output).toBe('it was there');
});

it('a person answers for an effect in doubt: it happened, or it did not', async () => {
  let calls = 0;
  const pay = (ctx: FlowContext) =>
    ctx.step('pay', {
      run: async () => {
        calls += 1;
        if (calls % 2 === 1) throw new InDoubtError({ code: 'lost', message: 'lost' });
        return 'paid';
      },
    });
  const first = await outcomeOf('answer yes', pay);
  expect(first).toMatchObject({ status: 'dead', error: { kind: 'in_doubt', step: 'pay' } });
  expect(first.steps).toMatchObject([{ name: 'pay', status: 'in_doubt', attempts: 1 }]);
  expect(await system.client.resolve('t', first.id, { step: 'other', outcome: 'did_not_happen' })).toEqual({
    outcome: 'not_in_doubt',
  });
  expect(
    await system.client.resolve('t', first.id, { step: 'pay', outcome: 'happened', result: 'seen' }),
  ).toEqual({ outcome: 'resolved' });
  expect((await system.runWith(first.id, 'completed')).output).toBe('seen');
  expect(calls).toBe(1);

  calls = 0;
  const second = await outcomeOf('answer no', pay);
  expect(await system.client.resolve('t', second.id, { step: 'pay', outcome: 'did_not_happen' })).toEqual({
    outcome: 'resolved',
  });
  expect((await system.runWith(second.id, 'completed')).output).toBe('paid');
  expect(calls).toBe(2);
});
