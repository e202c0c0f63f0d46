import { waitFor } from '@holdfast/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { newKey, ORDER, SAME_ORDER_REORDERED } from './support/order.ts';
import { startTestApi, type TestApi } from './support/test-api.ts';
import { startTestWorker } from './support/test-worker.ts';

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.stop());

describe('a new key', () => {
  test('is answered with 202, where the run is, and the run', async () => {
    const key = newKey();
    const { status, headers, json } = await api.order(ORDER, { 'idempotency-key': key });
    expect(status).toBe(202);
    expect(json).toMatchObject({
      id: expect.stringMatching(/^run_/),
      flow: 'order',
      version: 2,
      generation: 1,
      status: 'pending',
      idempotencyKey: key,
      steps: [],
    });
    expect(headers.location).toBe(`/v1/runs/${json.id}`);
    expect(headers['retry-after']).toBe('1');
    expect(headers).not.toHaveProperty('idempotent-replayed');
    expect(Object.keys(json)).not.toEqual(expect.arrayContaining(['input']));
    expect((await api.ask({ path: `/v1/runs/${json.id}` })).json).toMatchObject({
      id: json.id,
      status: 'pending',
    });
  });

  test('is accepted for any registered flow', async () => {
    const { status, json } = await api.order(ORDER, {}, '/v1/flows/order/runs');
    expect(status).toBe(202);
    expect(json).toMatchObject({ flow: 'order' });
  });

  test('for a flow that is not registered is answered with 404', async () => {
    const { status, json } = await api.order(ORDER, {}, '/v1/flows/nope/runs');
    expect({ status, code: json.code }).toEqual({ status: 404, code: 'flow_unknown' });
  });
});

describe('the same key', () => {
  test('with the same request, reordered and respaced, is the same run', async () => {
    const key = newKey();
    const first = await api.order(ORDER, { 'idempotency-key': key });
    for (const again of [
      await api.order(ORDER, { 'idempotency-key': key }),
      await api.order(SAME_ORDER_REORDERED, { 'idempotency-key': key }),
      await api.order(ORDER, { 'idempotency-key': `"${key}"` }),
    ]) {
      expect(again.status).toBe(202);
      expect(again.headers['idempotent-replayed']).toBe('true');
      expect(again.headers.location).toBe(first.headers.location);
      expect(again.json).toEqual(first.json);
    }
  });

  test('with another request is refused, and nothing changes', async () => {
    const key = newKey();
    const first = await api.order(ORDER, { 'idempotency-key': key });
    const other = await api.order({ ...ORDER, currency: 'eur' }, { 'idempotency-key': key });
    expect(other.status).toBe(422);
    expect(other.json).toMatchObject({ code: 'idempotency_key_reused', runId: first.json.id });
    expect((await api.ask({ path: `/v1/runs/${first.json.id}` })).json).toEqual(first.json);
    expect((await api.order(ORDER, { 'idempotency-key': key })).status).toBe(202);
  });

  test('on the other route of the flow is the same run', async () => {
    const key = newKey();
    const first = await api.order(ORDER, { 'idempotency-key': key });
    const other = await api.order(ORDER, { 'idempotency-key': key }, '/v1/flows/order/runs');
    expect(other.json.id).toBe(first.json.id);
    expect(other.headers['idempotent-replayed']).toBe('true');
  });

  test('a hundred times at once is one run, created once', async () => {
    const key = newKey();
    const answers = await Promise.all(
      Array.from({ length: 100 }, () => api.order(ORDER, { 'idempotency-key': key })),
    );
    expect(new Set(answers.map((a) => a.status))).toEqual(new Set([202]));
    expect(new Set(answers.map((a) => a.json.id)).size).toBe(1);
    expect(answers.filter((a) => a.headers['idempotent-replayed'] === undefined)).toHaveLength(1);
  });

  test('stays free when the request was not valid', async () => {
    const key = newKey();
    expect((await api.order({ ...ORDER, items: [] }, { 'idempotency-key': key })).status).toBe(422);
    const { status, headers } = await api.order(ORDER, { 'idempotency-key': key });
    expect(status).toBe(202);
    expect(headers).not.toHaveProperty('idempotent-replayed');
  });
});

describe('Prefer: wait', () => {
  test('without a worker, answers 202 when the time is up', async () => {
    const started = performance.now();
    const { status, headers, json } = await api.order(ORDER, { prefer: 'wait=1' });
    expect(performance.now() - started).toBeGreaterThanOrEqual(1000);
    expect(performance.now() - started).toBeLessThan(2000);
    expect({ status, run: json.status }).toEqual({ status: 202, run: 'pending' });
    expect(headers['preference-applied']).toBe('wait=1');
    expect(headers['retry-after']).toBe('1');
  });

  test('wait=0 and what is no wait answer at once', async () => {
    const zero = await api.order(ORDER, { prefer: 'wait=0' });
    expect([zero.status, zero.headers['preference-applied']]).toEqual([202, 'wait=0']);
    const none = await api.order(ORDER, { prefer: 'wait=soon' });
    expect([none.status, none.headers['preference-applied']]).toEqual([202, undefined]);
  });

  describe('with a worker', () => {
    let worker: ReturnType<typeof startTestWorker>;
    beforeAll(() => {
      worker = startTestWorker(api.redis.url);
    });
    afterAll(() => worker.stop());

    test('answers 200 as soon as the run is terminal, at most 60 s', async () => {
      const { status, headers, json } = await api.order(ORDER, { prefer: 'wait=3600' });
      expect(status).toBe(200);
      expect(headers['preference-applied']).toBe('wait=60');
      expect(headers).not.toHaveProperty('retry-after');
      expect(json).toMatchObject({
        status: 'completed',
        output: { chargeId: 'pi_1', trackingNumber: 'TRK1' },
        steps: [{ name: 'charge', status: 'completed', attempts: 1 }],
      });
      expect(json).toHaveProperty('finishedAt');
    });

    test('the same request again once terminal is answered with 200', async () => {
      const key = newKey();
      const first = await api.order(ORDER, { 'idempotency-key': key, prefer: 'wait=20' });
      const again = await api.order(ORDER, { 'idempotency-key': key });
      expect(again.status).toBe(200);
      expect(again.headers['idempotent-replayed']).toBe('true');
      expect(again.json).toEqual(first.json);
    });

    test('a declined run has ended: 200 with its error', async () => {
      const { status, json } = await api.order(
        { ...ORDER, paymentMethod: 'pm_declined' },
        { prefer: 'wait=20' },
      );
      expect(status).toBe(200);
      expect(json).toMatchObject({
        status: 'failed',
        error: {
          code: 'card_declined',
          message: 'Your card was declined.',
          step: 'charge',
          kind: 'rejected',
        },
        steps: [{ name: 'charge', status: 'failed', error: { code: 'card_declined' } }],
      });
      expect((await api.ask({ path: `/v1/runs/${json.id}` })).status).toBe(200);
    });

    test('a dead run has not ended: 202, its error without a stack', async () => {
      const { status, json, text } = await api.order(
        { ...ORDER, paymentMethod: 'pm_bug' },
        { prefer: 'wait=20' },
      );
      expect({ status, run: json.status }).toEqual({ status: 202, run: 'dead' });
      expect(json.error).toMatchObject({ kind: 'bug', step: 'charge' });
      expect(text).not.toContain('.ts:');
      expect(json).not.toHaveProperty('finishedAt');
    });
  });
});

test('an order of many items is accepted whole', async () => {
  const items = Array.from({ length: 500 }, (_, i) => ({ sku: `SKU-${i}`, quantity: 1, unitAmount: 1 }));
  const { json } = await api.order({ ...ORDER, items });
  const run = await waitFor(() => api.ask({ path: `/v1/runs/${json.id}` }), { what: 'the run' });
  expect(run.status).toBe(200);
});

test('200 requests of a tenant wait for their runs; one more is answered at once', async () => {
  const wait = () => api.order(ORDER, { 'idempotency-key': newKey(), prefer: 'wait=2' });
  const answers = await Promise.all(Array.from({ length: 210 }, wait));
  expect(answers.map(({ status }) => status)).toEqual(Array(210).fill(202));
  const applied = answers.filter(({ headers }) => headers['preference-applied'] === 'wait=2');
  expect(applied).toHaveLength(200);
  // their places are free again
  const later = await api.order(ORDER, { 'idempotency-key': newKey(), prefer: 'wait=0' });
  expect(later.headers['preference-applied']).toBe('wait=0');
});
