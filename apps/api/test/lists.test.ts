import { waitFor } from '@holdfast/testkit';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { newKey, ORDER } from './support/order.ts';
import { type Answer, startTestApi, type TestApi } from './support/test-api.ts';
import { startTestWorker, type TestWorker } from './support/test-worker.ts';

let api: TestApi;
let worker: TestWorker;
const ids = { completed: '', failed: '', dead: '', suspended: '' };
const KEY_OF_COMPLETED = `completed-${newKey()}`;

beforeAll(async () => {
  api = await startTestApi();
  worker = startTestWorker(api.redis.url);
  // one after the other, so that their order is known
  ids.completed = await runThatIs('completed', 'pm_card_visa', KEY_OF_COMPLETED);
  ids.failed = await runThatIs('failed', 'pm_declined');
  ids.dead = await runThatIs('dead', 'pm_bug');
  ids.suspended = await runThatIs('suspended', 'pm_settles');
});
afterAll(async () => {
  await worker.stop();
  await api.stop();
});

async function runThatIs(status: string, paymentMethod: string, key = newKey()): Promise<string> {
  const { json } = await api.order({ ...ORDER, paymentMethod }, { 'idempotency-key': key });
  const id = String(json.id);
  await waitFor(async () => (await api.ask({ path: `/v1/runs/${id}` })).json.status === status, {
    what: `run ${id} to be ${status}`,
  });
  return id;
}

const list = (query: string): Promise<Answer> => api.ask({ path: `/v1/runs${query}` });
const runsOf = ({ json }: Answer) =>
  json.data as readonly { readonly id: string; readonly createdAt: string }[];
const idsOf = (answer: Answer) => runsOf(answer).map(({ id }) => id);

test('lists runs as each is shown by itself, the newest first', async () => {
  const answer = await list('');
  expect(answer.status).toBe(200);
  expect(answer.headers['cache-control']).toBe('private, no-store');
  expect(idsOf(answer)).toEqual([ids.suspended, ids.dead, ids.failed, ids.completed]);
  expect(answer.json).not.toHaveProperty('nextCursor');
  const { json } = await api.ask({ path: `/v1/runs/${ids.dead}` });
  expect(runsOf(answer)[1]).toEqual(json);
});

test('page by page, each run once', async () => {
  const seen: string[] = [];
  let cursor = '';
  do {
    const answer = await list(`?limit=3&flow=order${cursor && `&cursor=${cursor}`}`);
    seen.push(...idsOf(answer));
    cursor = String(answer.json.nextCursor ?? '');
  } while (cursor !== '');
  expect(seen).toEqual([ids.suspended, ids.dead, ids.failed, ids.completed]);
});

test('finds runs by flow, status, code, key and time', async () => {
  expect(idsOf(await list('?flow=payment'))).toEqual([]);
  expect(idsOf(await list('?status=suspended'))).toEqual([ids.suspended]);
  expect(idsOf(await list('?status=failed&code=card_declined'))).toEqual([ids.failed]);
  expect(idsOf(await list('?code=other'))).toEqual([]);
  expect(idsOf(await list(`?key=${KEY_OF_COMPLETED}`))).toEqual([ids.completed]);
  expect(idsOf(await list(`?key=${KEY_OF_COMPLETED}&flow=payment`))).toEqual([]);
  expect(idsOf(await list(`?keyPrefix=${KEY_OF_COMPLETED.slice(0, -1)}`))).toEqual([ids.completed]);
  expect(idsOf(await list(`?keyPrefix=${KEY_OF_COMPLETED}x`))).toEqual([]);
  const createdAt = runsOf(await list(`?status=failed`))[0]?.createdAt;
  expect(idsOf(await list(`?until=${createdAt}`))).toEqual([ids.completed]);
  expect(idsOf(await list(`?since=${createdAt}`))).toEqual([ids.suspended, ids.dead, ids.failed]);
});

test('lists dead letters with the reason', async () => {
  const answer = await api.ask({ path: '/v1/dead-letters?flow=order' });
  expect(answer.json.data).toMatchObject([{ id: ids.dead, error: { kind: 'bug' } }]);
  const [{ error }] = answer.json.data as [{ error: { code: string } }];
  const { code } = error;
  expect(idsOf(await api.ask({ path: `/v1/dead-letters?code=${code}` }))).toEqual([ids.dead]);
  expect(idsOf(await api.ask({ path: '/v1/dead-letters?code=other' }))).toEqual([]);
});

test.each([
  ['/v1/runs?limit=0', 'limit'],
  ['/v1/runs?limit=101', 'limit'],
  ['/v1/runs?limit=1e1', 'limit'],
  ['/v1/runs?status=lost', 'status'],
  ['/v1/runs?status=dead&status=failed', 'status'],
  ['/v1/runs?since=yesterday', 'since'],
  ['/v1/runs?colour=red', 'colour'],
  ['/v1/runs?key=%00', 'key'],
  ['/v1/dead-letters?status=dead', 'status'],
])('%s: 400, and the fault is at %s', async (path, at) => {
  const { status, json } = await api.ask({ path });
  expect({ status, code: json.code }).toEqual({ status: 400, code: 'query_invalid' });
  expect(json.errors).toMatchObject([{ path: at }]);
});

test('a cursor of another list, or of none, is refused', async () => {
  const { json } = await list('?limit=1');
  for (const path of [`/v1/dead-letters?cursor=${json.nextCursor}`, '/v1/runs?cursor=rubbish']) {
    const answer = await api.ask({ path });
    expect({ status: answer.status, code: answer.json.code }).toEqual({
      status: 400,
      code: 'cursor_invalid',
    });
  }
});

test('a page is quick among ten thousand runs, and what is rare is found in a few', async () => {
  const redis = new Redis(api.redis.url);
  const fields = await redis.hgetall(`{hf0}/run/${ids.completed}`);
  const others = Array.from({ length: 10_000 }, (_, n) => ({
    id: `run_${n.toString(16).padStart(32, '0')}`,
    createdAt: Number(fields.createdAt) + n,
  }));
  const written = others.map(({ id, createdAt }) => redis.hset(`{hf0}/run/${id}`, { ...fields, createdAt }));
  await redis.zadd('{hf0}/runs/dev', ...others.flatMap(({ id, createdAt }) => [createdAt, id]));
  await Promise.all(written);
  redis.disconnect();

  const first = await list('?status=suspended');
  expect(idsOf(first)).toEqual([]);
  expect(idsOf(await list(`?status=suspended&cursor=${first.json.nextCursor}`))).toEqual([ids.suspended]);

  for (const query of ['?limit=20', '?status=suspended', '?status=dead', `?key=${KEY_OF_COMPLETED}`]) {
    const times: number[] = [];
    for (let n = 0; n < 20; n += 1) {
      const from = performance.now();
      await list(query);
      times.push(performance.now() - from);
    }
    const [median = 0, p95 = 0] = [10, 18].map((n) => times.toSorted((a, b) => a - b)[n]);
    // the aim is a p95 of 50 ms; here the machine runs other tests as well
    expect({ query, p95, quick: median < 100 }).toMatchObject({ quick: true });
  }
});
