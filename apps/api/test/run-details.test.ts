import { waitFor } from '@holdfast/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { newKey, ORDER } from './support/order.ts';
import { startTestApi, type TestApi } from './support/test-api.ts';
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

async function runThatIs(status: string, paymentMethod: string): Promise<string> {
  const id = String((await api.order({ ...ORDER, paymentMethod })).json.id);
  await waitFor(async () => (await api.ask({ path: `/v1/runs/${id}` })).json.status === status, {
    what: `run ${id} to be ${status}`,
  });
  return id;
}

async function keyWith(scopes: readonly string[]): Promise<{ authorization: string }> {
  const { json } = await api.ask({
    ...{ method: 'POST', path: '/v1/keys', body: JSON.stringify({ name: scopes.join(' '), scopes }) },
    headers: { 'content-type': 'application/json', 'idempotency-key': newKey() },
  });
  return { authorization: `Bearer ${json.key}` };
}

test('attempts are every call, with its error, and no payload', async () => {
  const id = await runThatIs('failed', 'pm_declined');
  const { status, headers, json, text } = await api.ask({ path: `/v1/runs/${id}/attempts` });
  expect(status).toBe(200);
  expect(json).toEqual({
    data: [
      {
        ...{ step: 'charge', what: 'run', attempt: 1, outcome: 'rejected' },
        startedAt: expect.stringMatching(/Z$/),
        finishedAt: expect.stringMatching(/Z$/),
        idempotencyKey: `${id}:1:charge`,
        error: { code: 'card_declined', message: 'Your card was declined.', kind: 'rejected' },
      },
    ],
  });
  expect(text).not.toContain('ada@example.com');
  const etag = String(headers.etag);
  const again = await api.ask({ path: `/v1/runs/${id}/attempts`, headers: { 'if-none-match': etag } });
  expect(again.status).toBe(304);
});

test('payloads are the input, the results, the output and the signals', async () => {
  const id = await runThatIs('suspended', 'pm_settles');
  const signal = (name: string, signalId: string, payload: unknown) =>
    api.ask({
      ...{ method: 'POST', path: `/v1/runs/${id}/signals/${name}` },
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ id: signalId, payload }),
    });
  await signal('other', 'sig-1', { kept: true });
  const path = `/v1/runs/${id}/payloads`;
  const before = await api.ask({ path });
  expect(before.json).toEqual({
    input: expect.objectContaining({ paymentMethod: 'pm_settles' }),
    results: { charge: { chargeId: 'pi_1' } },
    signals: [{ id: 'sig-1', name: 'other', payload: { kept: true } }],
  });
  expect(before.headers['cache-control']).toBe('private, no-store');
  await signal('payment.settled', 'sig-2', '<m2>');
  const after = await waitFor(
    async () => {
      const { json } = await api.ask({ path });
      return 'output' in json && json;
    },
    { what: 'the output' },
  );
  expect(after.output).toMatchObject({ chargeId: 'pi_1', messageId: '<m2>' });
});

test('each needs its own scope; a run of another tenant is one that does not exist', async () => {
  const id = await runThatIs('failed', 'pm_declined');
  const [reads, sees] = await Promise.all([keyWith(['read']), keyWith(['payloads'])]);
  const statusOf = async (what: string, headers: Record<string, string>) =>
    (await api.ask({ path: `/v1/runs/${id}/${what}`, headers })).status;
  expect(await statusOf('attempts', reads)).toBe(200);
  expect(await statusOf('payloads', reads)).toBe(403);
  expect(await statusOf('attempts', sees)).toBe(403);
  expect(await statusOf('payloads', sees)).toBe(200);
  for (const what of ['attempts', 'payloads']) {
    const { status, json } = await api.ask({ path: `/v1/runs/run_none/${what}` });
    expect({ status, code: json.code }).toEqual({ status: 404, code: 'run_not_found' });
  }
});
