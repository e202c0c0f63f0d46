import { types } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import { defineFlow, RejectedError, type StepOptions } from '../src/index.ts';
import { startSystem, type TestSystem } from './system.ts';

/** What the step does, by the name of the input. */
const steps: Record<string, StepOptions<unknown>> = {};
const any = defineFlow({
  name: 'throws',
  version: 1,
  input: z.string(),
  output: z.unknown(),
  run: (ctx, name) => ctx.step('pay', steps[name] ?? { run: async () => null }),
});

let system: TestSystem;
beforeAll(async () => {
  system = await startSystem([any]);
  system.startWorker({
    classify: (error) => {
      if (!types.isNativeError(error)) return undefined;
      if (error.message === 'classify me')
        return new RejectedError({ code: 'mine', message: 'no', cause: error });
      if (error.message === 'break') throw new TypeError('classify is broken');
      return undefined;
    },
  });
});
afterAll(() => system.close());

async function endOf(name: string, step: StepOptions<unknown>) {
  steps[name] = step;
  const over = (run: { readonly status: string }) => ['completed', 'dead', 'failed'].includes(run.status);
  return system.runThat(await system.submit(any, name), over, 'over');
}

const throws = (error: unknown) => ({ run: () => Promise.reject(error) });

/** Fails so often, then is done. */
function failsOnce(error: unknown) {
  let calls = 0;
  return {
    run: async () => {
      calls += 1;
      if (calls === 1) throw error;
      return calls;
    },
  };
}

it('an unknown error is in doubt: it halts where the step says nothing', async () => {
  const run = await endOf('halts', throws(new Error('odd')));
  expect(run).toMatchObject({
    status: 'dead',
    error: { kind: 'in_doubt', code: 'error', message: 'odd', step: 'pay', cause: { message: 'odd' } },
  });
});

it('an unknown error is repeated where the step may be', async () => {
  const run = await endOf('repeats', { ...failsOnce(new Error('odd')), whenInDoubt: 'repeat' });
  expect(run).toMatchObject({ status: 'completed', output: 2 });
});

it('an unknown error is looked up where the step has a look-up', async () => {
  const find = async () => ({ outcome: 'found' as const, result: 'it was there' });
  const run = await endOf('finds', { ...throws(new Error('odd')), find });
  expect(run).toMatchObject({ status: 'completed', output: 'it was there' });
});

it('a look-up that throws an unknown error is asked again', async () => {
  let asked = 0;
  const find = async () => {
    asked += 1;
    if (asked === 1) throw new Error('not now');
    return { outcome: 'found' as const, result: asked };
  };
  const run = await endOf('asks again', { ...throws(new Error('odd')), find });
  expect(run).toMatchObject({ status: 'completed', output: 2 });
});

it('a closed port is retried, though the step must not be repeated in doubt', async () => {
  const refused = new TypeError('fetch failed', {
    cause: Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED', syscall: 'connect' }),
  });
  const run = await endOf('refused', failsOnce(refused));
  expect(run).toMatchObject({ status: 'completed', output: 2 });
});

it.each([
  ['TypeError', new TypeError('x')],
  ['ReferenceError', new ReferenceError('x')],
  ['SyntaxError', new SyntaxError('x')],
  ['RangeError', new RangeError('x')],
  ['ERR_INVALID_ARG_TYPE', Object.assign(new Error('x'), { code: 'ERR_INVALID_ARG_TYPE' })],
  ['AssertionError', Object.assign(new Error('x'), { code: 'ERR_ASSERTION', name: 'AssertionError' })],
])('%s is a bug, and the run dead at once', async (name, error) => {
  const run = await endOf(name, { ...throws(error), whenInDoubt: 'repeat' });
  expect(run).toMatchObject({ status: 'dead', error: { kind: 'bug', step: 'pay' } });
  expect(run.steps[0]?.attempts).toBe(1);
});

it('`classify` is asked first', async () => {
  const run = await endOf('classified', throws(new TypeError('classify me')));
  expect(run).toMatchObject({ status: 'failed', error: { kind: 'rejected', code: 'mine', step: 'pay' } });
});

it('a `classify` that throws is a bug', async () => {
  const run = await endOf('broken', { ...throws(new Error('break')), whenInDoubt: 'repeat' });
  expect(run).toMatchObject({ status: 'dead', error: { kind: 'bug', message: 'classify is broken' } });
});

it('an error that does not want to be looked at is in doubt', async () => {
  const fail = () => {
    throw new Error('do not look');
  };
  const hidden = new Proxy(new Error('x'), { get: fail, getPrototypeOf: fail });
  expect(await endOf('hidden', throws(hidden))).toMatchObject({
    status: 'dead',
    error: { kind: 'in_doubt' },
  });
});
