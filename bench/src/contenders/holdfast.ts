import { createClient, defineFlow, QUEUE_PREFIX, startWorker } from '@holdfast/engine';
import { z } from 'zod';
import type { Contender } from './contender.ts';
import { STEPS, work } from './work.ts';

const NAME = 'bench';

/** The same steps as a flow. */
export const holdfast: Contender = {
  label: 'Holdfast',
  queue: { name: NAME, prefix: QUEUE_PREFIX },
  stepsPerRun: STEPS.length,

  openSubmitter(connection) {
    const client = createClient({ connection, flows: [flow(nothing, nothing)] });
    return {
      async submit(n) {
        const idempotencyKey = `order-${n}`;
        const reply = await client.submit({
          flow: NAME,
          input: { order: n },
          tenant: 'bench',
          idempotencyKey,
          fingerprint: idempotencyKey,
        });
        if (reply.outcome !== 'created') throw new Error(`run ${n} was there already: ${reply.outcome}`);
        return reply.run.id;
      },
      close: () => client.close(),
    };
  },

  startWorker({ connection, redisUrl, concurrency, onRun, onStep }) {
    const worker = startWorker({
      connection,
      redisUrls: [redisUrl],
      flows: [flow(onRun, onStep)],
      log: { debug: nothing, info: nothing, warn: console.error, error: console.error },
      concurrency,
    });
    return { close: () => worker.close() };
  },
};

function flow(onRun: () => void, onStep: () => void) {
  return defineFlow({
    name: NAME,
    version: 1,
    input: z.strictObject({ order: z.number() }),
    output: z.strictObject({ done: z.boolean() }),
    async run(ctx) {
      onRun();
      for (const step of STEPS) {
        await ctx.step(step, {
          run: () => {
            onStep();
            return work(step);
          },
          whenInDoubt: 'repeat',
        });
      }
      return { done: true };
    },
  });
}

function nothing(): void {}
