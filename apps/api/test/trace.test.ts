import { connectRedis, createLogger } from '@holdfast/app-kit';
import { createClient, defineFlow, type StepCall, startWorker } from '@holdfast/engine';
import { type OrderInput, orderContract } from '@holdfast/flows';
import { readTraceparent } from '@holdfast/http';
import { waitFor } from '@holdfast/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ORDER } from './support/order.ts';
import { startTestApi, type TestApi } from './support/test-api.ts';

const TRACE_ID = '4bf92f3577b34da6a3ce929d0e0e4736';
const TRACEPARENT = `00-${TRACE_ID}-00f067aa0ba902b7-01`;

let api: TestApi;
let stop: () => Promise<void>;
/** What steps are given of a trace, by run. */
const traces = new Map<string, (string | undefined)[]>();

beforeAll(async () => {
  api = await startTestApi();
  const log = createLogger('worker', 'silent');
  const connection = connectRedis({ urls: [api.redis.url] }, { for: 'worker' }, log);
  const note = async ({ runId, trace }: StepCall) => {
    traces.set(runId, [...(traces.get(runId) ?? []), trace]);
  };
  const flow = defineFlow({
    ...orderContract,
    async run(ctx, _order: OrderInput) {
      await ctx.step('charge', { run: note, undo: async () => {}, whenInDoubt: 'repeat' });
      await ctx.sleep('50ms');
      await ctx.step('ship', { run: note, undo: async () => {}, whenInDoubt: 'repeat' });
      return { chargeId: 'pi_1', reservationId: 'res_1', trackingNumber: 'TRK1', messageId: '<m1>' };
    },
  });
  const worker = startWorker({ connection, redisUrls: [api.redis.url], flows: [flow], log });
  stop = async () => {
    await worker.close('1s');
    connection.disconnect();
  };
});
afterAll(async () => {
  await stop();
  await api.stop();
});

async function completed(headers: Record<string, string>): Promise<string> {
  const { json } = await api.order(ORDER, headers);
  const id = String(json.id);
  await waitFor(async () => (await api.ask({ path: `/v1/runs/${id}` })).json.status === 'completed', {
    what: 'its end',
  });
  return id;
}

test('a traceparent is kept with the run, over waits and reruns, and given to every step', async () => {
  const id = await completed({ traceparent: TRACEPARENT });
  expect(traces.get(id)).toEqual([TRACEPARENT, TRACEPARENT]);
  await api.ask({ method: 'POST', path: `/v1/runs/${id}/rerun` });
  await waitFor(() => traces.get(id)?.length === 4, { what: 'the second generation' });
  expect(new Set(traces.get(id))).toEqual(new Set([TRACEPARENT]));

  const log = createLogger('test', 'silent');
  const connection = connectRedis({ urls: [api.redis.url] }, { for: 'worker' }, log);
  const client = createClient({ connection, flows: [orderContract] });
  try {
    expect(readTraceparent((await client.findRun(id))?.trace ?? '')?.traceId).toBe(TRACE_ID);
  } finally {
    await client.close();
    connection.disconnect();
  }
});

test('none, or one that cannot be read, is none', async () => {
  for (const headers of [{}, { traceparent: 'nonsense' }]) {
    const id = await completed(headers);
    expect(traces.get(id)).toEqual([undefined, undefined]);
  }
});
