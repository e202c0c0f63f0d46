import { waitFor } from '@holdfast/testkit';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, test } from 'vitest';
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

function post(
  path: string,
  key: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  return api.ask({
    ...{ method: 'POST', path },
    headers: {
      'idempotency-key': key,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

async function runThatIs(status: string, paymentMethod: string): Promise<string> {
  const id = String((await api.order({ ...ORDER, paymentMethod })).json.id);
  await waitFor(async () => (await api.ask({ path: `/v1/runs/${id}` })).json.status === status, {
    what: `run ${id} to be ${status}`,
  });
  return id;
}

const replayed = ({ headers }: Answer) => headers['idempotent-replayed'];
const outcome = ({ status, json }: Answer) => ({ status, code: json.code });

test('a rerun that is sent again starts no further generation', async () => {
  const id = await runThatIs('completed', 'pm_card_visa');
  const key = newKey();
  const first = await post(`/v1/runs/${id}/rerun`, key);
  expect({ status: first.status, generation: first.json.generation }).toEqual({ status: 202, generation: 2 });
  expect(replayed(first)).toBeUndefined();
  await waitFor(async () => (await api.ask({ path: `/v1/runs/${id}` })).json.status === 'completed', {
    what: 'its end',
  });

  const again = await post(`/v1/runs/${id}/rerun`, `"${key}"`);
  expect(replayed(again)).toBe('true');
  expect(again.status).toBe(202);
  expect(again.json).toEqual(first.json);
  expect(again.headers.location).toBe(first.headers.location);
  expect((await api.ask({ path: `/v1/runs/${id}` })).json.generation).toBe(2);
  // under another key it is another one
  expect((await post(`/v1/runs/${id}/rerun`, newKey())).json.generation).toBe(3);
});

test('redrive, cancel, resolve and signal are answered the same', async () => {
  const dead = await runThatIs('dead', 'pm_bug');
  const waiting = await runThatIs('suspended', 'pm_settles');
  const requests: readonly [string, unknown][] = [
    [`/v1/runs/${waiting}/signals/other`, { id: 'sig-1', payload: { a: 1, b: 2 } }],
    [`/v1/runs/${waiting}/cancel`, undefined],
    [`/v1/dead-letters/${dead}/redrive`, undefined],
  ];
  for (const [path, body] of requests) {
    const key = newKey();
    const first = await post(path, key, body);
    const again = await post(path, key, body);
    expect({ path, status: first.status, replayed: replayed(first) }).toEqual({ path, status: 202 });
    expect({ path, status: again.status, replayed: replayed(again) }).toEqual({
      ...{ path, status: 202, replayed: 'true' },
    });
    expect(again.json).toEqual(first.json);
  }
});

test('another request under the key is refused; the order of members does not count', async () => {
  const id = await runThatIs('suspended', 'pm_settles');
  const other = await runThatIs('suspended', 'pm_settles');
  const key = newKey();
  const path = `/v1/runs/${id}/signals/other`;
  expect((await post(path, key, { id: 's', payload: { a: 1, b: 2 } })).status).toBe(202);
  expect(replayed(await post(path, key, { payload: { b: 2, a: 1 }, id: 's' }))).toBe('true');
  const reused = { status: 422, code: 'idempotency_key_reused' };
  expect(outcome(await post(path, key, { id: 's', payload: { a: 2 } }))).toEqual(reused);
  expect(outcome(await post(`/v1/runs/${other}/signals/other`, key, { id: 's' }))).toEqual(reused);
  // a key is unique for its route
  expect((await post(`/v1/runs/${id}/cancel`, key)).status).toBe(202);
});

test('what was refused leaves the key free', async () => {
  const id = await runThatIs('suspended', 'pm_settles');
  const key = newKey();
  expect(outcome(await post(`/v1/runs/${id}/rerun`, key))).toEqual({ status: 409, code: 'run_not_finished' });
  await post(`/v1/runs/${id}/cancel`, newKey());
  const answer = await waitFor(
    async () => {
      const tried = await post(`/v1/runs/${id}/rerun`, key);
      return tried.status === 202 && tried;
    },
    { what: 'the rerun' },
  );
  expect(replayed(answer)).toBeUndefined();
  expect(outcome(await post(`/v1/runs/${id}/rerun`, 'two words'))).toEqual({
    ...{ status: 400, code: 'idempotency_key_invalid' },
  });
});

test('a key that is created twice is one key, and its secret is neither shown again nor kept', async () => {
  const body = { name: 'twice', scopes: ['read', 'operate', 'keys'] };
  const key = newKey();
  const first = await post('/v1/keys', key, body);
  const again = await post('/v1/keys', key, body);
  expect([first.status, again.status, replayed(again)]).toEqual([201, 201, 'true']);
  const { key: secret, ...shown } = first.json;
  expect(secret).toMatch(/^hf_/);
  expect(again.json).toEqual(shown);
  const { data } = (await api.ask({ path: '/v1/keys' })).json as { data: { name: string }[] };
  expect(data.filter(({ name }) => name === 'twice')).toHaveLength(1);

  const redis = new Redis(api.redis.url);
  try {
    const records = await redis.keys('{hf0}/replay/*');
    expect(records.length).toBeGreaterThan(0);
    for (const record of records) {
      expect(await redis.get(record)).not.toContain(secret);
      const ttl = await redis.pttl(record);
      expect(ttl).toBeGreaterThan(0);
      expect(ttl).toBeLessThanOrEqual(24 * 60 * 60 * 1_000);
    }
  } finally {
    redis.disconnect();
  }
  // a key that may see less is not shown what another one was
  const less = await post('/v1/keys', key, body, { authorization: `Bearer ${secret}` });
  expect(replayed(less)).toBeUndefined();
});

test('two at once are worked on once', async () => {
  const key = newKey();
  const body = { name: 'at once', scopes: ['read'] };
  const answers = await Promise.all(Array.from({ length: 8 }, () => post('/v1/keys', key, body)));
  expect(answers.filter((answer) => answer.status === 201 && replayed(answer) === undefined)).toHaveLength(1);
  for (const answer of answers.filter(({ status }) => status !== 201)) {
    expect(outcome(answer)).toEqual({ status: 409, code: 'request_in_progress' });
    expect(answer.headers['retry-after']).toBe('1');
  }
  expect(replayed(await post('/v1/keys', key, body))).toBe('true');
});

test('a bulk redrive is answered the same, as lines too', async () => {
  const path = '/v1/dead-letters/redrive';
  await runThatIs('dead', 'pm_bug');
  for (const headers of [{}, { accept: 'application/x-ndjson' }]) {
    const key = newKey();
    const first = await post(path, key, { code: 'unexpected', dryRun: true }, headers);
    const again = await post(path, key, { code: 'unexpected', dryRun: true }, headers);
    expect([first.status, again.status, replayed(again)]).toEqual([200, 200, 'true']);
    expect(again.text).toBe(first.text);
    expect(again.headers['content-type']).toBe(first.headers['content-type']);
  }
});

test('submissions keep their own rule: the key is that of the run', async () => {
  const key = newKey();
  const first = await api.order(ORDER, { 'idempotency-key': key });
  const again = await api.order(ORDER, { 'idempotency-key': key });
  expect(again.json.id).toBe(first.json.id);
  expect(replayed(again)).toBe('true');
});
