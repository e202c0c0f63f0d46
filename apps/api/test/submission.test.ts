import { waitFor } from '@holdfast/testkit';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { newKey, ORDER } from './support/order.ts';
import { type Answer, startTestApi, type TestApi } from './support/test-api.ts';
import { startTestWorker, type TestWorker } from './support/test-worker.ts';

let api: TestApi;
let worker: TestWorker;
beforeAll(async () => {
  api = await startTestApi();
  worker = startTestWorker(api.redis.url);
});
afterAll(async () => {
  await worker.stop();
  await api.stop();
});

const outcome = ({ status, json }: Answer) => ({ status, code: json.code });
const get = async (path: string) => (await api.ask({ path })).json;
const runWith = (id: unknown, status: string) =>
  waitFor(
    async () => {
      const run = await get(`/v1/runs/${id}`);
      return run.status === status && run;
    },
    { what: `run ${id} to be ${status}` },
  );
const idsOf = async (query: string) => {
  const { data } = await get(`/v1/runs?${query}`);
  return (data as { id: string }[]).map(({ id }) => id);
};

describe('Holdfast-Tags', () => {
  test('are shown with the run, and find it, together with the other filters', async () => {
    const mine = await api.order(ORDER, { 'holdfast-tags': 'customer=cus_7, region=eu' });
    const other = await api.order(ORDER, { 'holdfast-tags': ['customer=cus_8', 'region=eu'] });
    expect(mine.json.tags).toEqual({ customer: 'cus_7', region: 'eu' });
    expect(await idsOf('tag=customer:cus_7')).toEqual([mine.json.id]);
    expect(await idsOf('tag=region:eu')).toEqual([other.json.id, mine.json.id]);
    expect(await idsOf('tag=region:us')).toEqual([]);
    await runWith(mine.json.id, 'completed');
    const { createdAt } = await runWith(other.json.id, 'completed');
    expect(await idsOf(`tag=region:eu&status=completed&until=${createdAt}`)).toEqual([mine.json.id]);
    expect(await idsOf(`tag=region:eu&since=${createdAt}`)).toEqual([other.json.id]);
    expect(await idsOf('tag=region:eu&flow=payment')).toEqual([]);
  });

  test('page by page', async () => {
    for (let i = 0; i < 3; i++) await api.order(ORDER, { 'holdfast-tags': 'batch=b1' });
    const { data, nextCursor } = await get('/v1/runs?tag=batch:b1&limit=2');
    expect(data).toHaveLength(2);
    expect(await idsOf(`tag=batch:b1&limit=2&cursor=${nextCursor}`)).toHaveLength(1);
  });

  test.each([
    ['region', 'name=value'],
    ['Region=eu', 'lower-case'],
    ['region=e u', 'visible ASCII'],
    ['region=', 'visible ASCII'],
    ['a=1, a=2', 'twice'],
    [Array.from({ length: 11 }, (_, i) => `t${i}=1`).join(), 'At most 10'],
  ])('%s is refused, and the key stays free', async (tags, why) => {
    const key = newKey();
    const refused = await api.order(ORDER, { 'idempotency-key': key, 'holdfast-tags': tags });
    expect(outcome(refused)).toEqual({ status: 400, code: 'header_invalid' });
    expect(refused.json.detail).toContain(why);
    expect((await api.order(ORDER, { 'idempotency-key': key })).status).toBe(202);
  });
});

describe('Holdfast-Start-At', () => {
  test('holds a run back until then', async () => {
    const startAt = new Date(Date.now() + 1_500).toISOString();
    const { status, json } = await api.order(ORDER, { 'holdfast-start-at': startAt });
    expect(status).toBe(202);
    expect(json).toMatchObject({ status: 'suspended', waitingFor: { kind: 'start', until: startAt } });
    expect(await get(`/v1/runs/${json.id}`)).toMatchObject({ status: 'suspended', steps: [] });
    const done = await runWith(json.id, 'completed');
    const [charge] = done.steps as { startedAt: string }[];
    expect(Date.parse(String(charge?.startedAt))).toBeGreaterThanOrEqual(Date.parse(startAt));
    expect(done).not.toHaveProperty('waitingFor');
  });

  test('in the past is now', async () => {
    const { json } = await api.order(ORDER, { 'holdfast-start-at': '2020-01-31T09:00:00Z' });
    expect(json.status).toBe('pending');
    await runWith(json.id, 'completed');
  });

  test('a run that is cancelled before it does nothing', async () => {
    const startAt = new Date(Date.now() + 3_600_000).toISOString();
    const { json } = await api.order(ORDER, { 'holdfast-start-at': startAt });
    expect((await api.ask({ method: 'POST', path: `/v1/runs/${json.id}/cancel` })).status).toBe(202);
    expect(await runWith(json.id, 'cancelled')).toMatchObject({ steps: [] });
  });

  test('is there although its job was lost', async () => {
    const startAt = new Date(Date.now() + 1_000).toISOString();
    const { json } = await api.order(ORDER, { 'holdfast-start-at': startAt });
    const redis = new Redis(api.redis.url);
    expect(await redis.zrem('{hf0}:order:delayed', String(json.id))).toBe(1);
    expect(await redis.del(`{hf0}:order:${json.id}`)).toBe(1);
    redis.disconnect();
    await runWith(json.id, 'completed');
  });

  test.each(['tomorrow', '2030-13-01T00:00:00Z', '2999-01-01T00:00:00Z'])('%s is refused', async (text) => {
    const refused = await api.order(ORDER, { 'holdfast-start-at': text });
    expect(outcome(refused)).toEqual({ status: 400, code: 'header_invalid' });
  });
});

describe('Holdfast-Priority', () => {
  test.each(['0', '9'])('%s is taken', async (priority) => {
    const { status, json } = await api.order(ORDER, { 'holdfast-priority': priority });
    expect(status).toBe(202);
    await runWith(json.id, 'completed');
  });

  test.each(['10', '-1', '1.5', 'high', ''])('%j is refused, and the key stays free', async (priority) => {
    const key = newKey();
    const refused = await api.order(ORDER, { 'idempotency-key': key, 'holdfast-priority': priority });
    expect(outcome(refused)).toEqual({ status: 400, code: 'header_invalid' });
    expect((await api.order(ORDER, { 'idempotency-key': key })).status).toBe(202);
  });

  test('in bulk it is a member of the submission', async () => {
    const one = (priority: unknown) => ({ flow: 'order', idempotencyKey: newKey(), input: ORDER, priority });
    const fine = await api.order({ runs: [one(9)] }, {}, '/v1/runs/bulk');
    expect(fine.json.results).toMatchObject([{ status: 202 }]);
    expect((await api.order({ runs: [one(10)] }, {}, '/v1/runs/bulk')).status).toBe(422);
  });
});

describe('POST /v1/runs/bulk', () => {
  const bulk = async (runs: readonly object[]) => {
    const { status, json } = await api.order({ runs }, {}, '/v1/runs/bulk');
    expect(status).toBe(200);
    return json.results as {
      status: number;
      run?: { id: string; tags?: object };
      problem?: { code: string };
    }[];
  };

  test('answers each submission as it would be answered alone, in the order sent', async () => {
    const key = newKey();
    const fine = { flow: 'order', idempotencyKey: key, input: ORDER, tags: { team: 'blue' } };
    const results = await bulk([
      fine,
      { ...fine, idempotencyKey: newKey(), input: { ...ORDER, currency: 'xyz' } },
      { ...fine, idempotencyKey: 'a b' },
      { ...fine, flow: 'nope' },
      { ...fine, flow: 'refund' },
      { ...fine, input: { ...ORDER, paymentMethod: 'pm_other' } },
    ]);
    expect(results.map(({ status, problem }) => [status, problem?.code])).toEqual([
      [202, undefined],
      [422, 'validation_failed'],
      [400, 'idempotency_key_invalid'],
      [404, 'flow_unknown'],
      [403, 'flow_not_submittable'],
      [422, 'idempotency_key_reused'],
    ]);
    expect(results[0]?.run?.tags).toEqual({ team: 'blue' });
    const alone = await api.order(ORDER, { 'idempotency-key': key });
    expect(alone.json.id).toBe(results[0]?.run?.id);
  });

  test('takes a hundred orders, larger together than one body may be, and no more', async () => {
    const name = 'x'.repeat(50);
    const items = Array.from({ length: 100 }, (_, i) => ({
      sku: `S-${i}-${name}`,
      quantity: 1,
      unitAmount: 1,
    }));
    const order = () => ({ flow: 'order', idempotencyKey: newKey(), input: { ...ORDER, items } });
    const runs = Array.from({ length: 100 }, order);
    expect(JSON.stringify(runs).length).toBeGreaterThan(500_000);
    const results = await bulk(runs);
    expect(results.map(({ status }) => status)).toEqual(Array.from({ length: 100 }, () => 202));
    const tooMany = await api.order({ runs: [...runs, order()] }, {}, '/v1/runs/bulk');
    expect(outcome(tooMany)).toEqual({ status: 422, code: 'validation_failed' });
  });
});

describe('what a run did', () => {
  test('/attempts has every call with its error', async () => {
    const { json } = await api.order({ ...ORDER, paymentMethod: 'pm_declined' });
    await runWith(json.id, 'failed');
    expect(await get(`/v1/runs/${json.id}/attempts`)).toMatchObject({
      leftOut: 0,
      data: [
        {
          step: 'charge',
          what: 'run',
          attempt: 1,
          idempotencyKey: `${json.id}:1:charge`,
          outcome: 'rejected',
          error: { code: 'card_declined', message: 'Your card was declined.' },
        },
      ],
    });
  });

  test('/payloads has input, results, output and signals', async () => {
    const { json } = await api.order({ ...ORDER, paymentMethod: 'pm_settles' });
    await runWith(json.id, 'suspended');
    const signal = { id: 's1', payload: '<m7>' };
    await api.order(signal, {}, `/v1/runs/${json.id}/signals/payment.settled`);
    await runWith(json.id, 'completed');
    expect(await get(`/v1/runs/${json.id}/payloads`)).toEqual({
      input: { ...ORDER, paymentMethod: 'pm_settles' },
      results: [{ step: 'charge', result: { chargeId: 'pi_1' } }],
      output: { chargeId: 'pi_1', reservationId: 'res_1', trackingNumber: 'TRK1', messageId: '<m7>' },
      signals: [{ id: 's1', name: 'payment.settled', payload: '<m7>' }],
    });
  });

  test.each(['attempts', 'payloads'])("/%s of another's run, or none, is a 404", async (what) => {
    const none = await api.ask({ path: `/v1/runs/run_${'0'.repeat(32)}/${what}` });
    expect(outcome(none)).toEqual({ status: 404, code: 'run_not_found' });
  });
});
