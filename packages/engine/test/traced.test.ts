import { AsyncLocalStorage } from 'node:async_hooks';
import { type Context, context, ROOT_CONTEXT, TraceFlags, trace } from '@opentelemetry/api';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import { defineFlow } from '../src/index.ts';
import { startSystem, type TestSystem } from './system.ts';

const seen: (string | undefined)[] = [];
const traced = defineFlow({
  name: 'traced',
  version: 1,
  input: z.unknown(),
  output: z.unknown(),
  async run(ctx) {
    await ctx.step('one', { whenInDoubt: 'repeat', run: ({ trace }) => void seen.push(trace) });
    return null;
  },
});

/** What an SDK registers to know, over every await, what is being traced. */
const kept = new AsyncLocalStorage<Context>();

let system: TestSystem;
beforeAll(async () => {
  system = await startSystem([traced]);
  system.startWorker();
  context.setGlobalContextManager({
    active: () => kept.getStore() ?? ROOT_CONTEXT,
    with: (active, fn, self, ...args) => kept.run(active, () => fn.apply(self, args)),
    bind: (_active, target) => target,
    enable() {
      return this;
    },
    disable() {
      return this;
    },
  });
});
afterAll(async () => {
  context.disable();
  await system.close();
});

it('a run that is submitted while something is being traced belongs to that', async () => {
  const spanContext = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), traceFlags: TraceFlags.SAMPLED };
  const request = { flow: 'traced', input: null, tenant: 't', fingerprint: 'f', trace: undefined };
  const submitted = await context.with(trace.setSpanContext(ROOT_CONTEXT, spanContext), () =>
    system.client.submit({ ...request, idempotencyKey: 'k' }),
  );
  if (submitted.outcome !== 'created') throw new Error(submitted.outcome);
  const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
  expect(await system.runWith(submitted.run.id, 'completed')).toMatchObject({ trace: traceparent });
  // nobody makes spans here, so that the step has what the run came with
  expect(seen).toEqual([traceparent]);
});
