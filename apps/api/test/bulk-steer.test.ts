import { waitFor } from '@holdfast/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ORDER } from './support/order.ts';
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

const runWith = (id: string, status: string) =>
  waitFor(
    async () => {
      const { json } = await api.ask({ path: `/v1/runs/${id}` });
      return json.status === status && json;
    },
    { what: `run ${id} to be ${status}` },
  );

/** Orders that end, or wait, as their payment method says, with this tag. */
async function orders(tag: string, paymentMethod: string, count: number, status: string): Promise<string[]> {
  const ids: string[] = [];
  for (let i = 0; i < count; i++) {
    const { json } = await api.order({ ...ORDER, paymentMethod }, { 'holdfast-tags': `batch=${tag}` });
    ids.push(String(json.id));
  }
  for (const id of ids) await runWith(id, status);
  return ids;
}

const bulk = (
  what: 'cancel' | 'rerun',
  body: object,
  headers: Record<string, string> = {},
): Promise<Answer> => api.order(body, headers, `/v1/runs/${what}`);
const audit = async () =>
  (await api.ask({ path: '/v1/audit?limit=100' })).json.data as Record<string, unknown>[];

test('runs that fit are cancelled, and no others', async () => {
  const mine = await orders('c1', 'pm_settles', 3, 'suspended');
  const [other = ''] = await orders('c2', 'pm_settles', 1, 'suspended');
  const done = await orders('c1', 'pm_card_visa', 1, 'completed');
  const which = { flow: 'order', tag: 'batch:c1' };
  expect((await bulk('cancel', { ...which, dryRun: true })).json).toEqual({
    ...{ matched: 3, cancelling: 0, skipped: 0, more: false },
  });
  const { status, json } = await bulk('cancel', which);
  expect(status).toBe(200);
  expect(json).toEqual({ matched: 3, cancelling: 3, skipped: 0, more: false });
  for (const id of mine) await runWith(id, 'cancelled');
  await runWith(other, 'suspended');
  for (const id of done) await runWith(id, 'completed');
  expect(await audit()).toContainEqual(
    expect.objectContaining({
      action: 'bulk_cancel',
      outcome: 'done',
      detail: expect.objectContaining({ cancelling: 3 }),
    }),
  );
});

test('runs that failed are started afresh up to the limit; completed ones only where they are asked for', async () => {
  await orders('r1', 'pm_declined', 3, 'failed');
  const [completed = ''] = await orders('r1', 'pm_card_visa', 1, 'completed');
  const which = { tag: 'batch:r1', ratePerSecond: 1_000 };
  expect((await bulk('rerun', { ...which, code: 'other' })).json).toMatchObject({ matched: 0 });
  expect((await bulk('rerun', { ...which, limit: 2 })).json).toEqual({
    matched: 2,
    rerun: 2,
    skipped: 0,
    more: true,
  });
  expect(await runWith(completed, 'completed')).toMatchObject({ generation: 1 });
  expect((await bulk('rerun', { ...which, status: 'completed' })).json).toMatchObject({
    matched: 1,
    rerun: 1,
  });
  await waitFor(async () => (await runWith(completed, 'completed')).generation === 2, { what: 'the rerun' });
});

test('it tells how far it is, in lines', async () => {
  await orders('l1', 'pm_settles', 2, 'suspended');
  const { headers, text } = await bulk('cancel', { tag: 'batch:l1' }, { accept: 'application/x-ndjson' });
  expect(headers['content-type']).toMatch('application/x-ndjson');
  const lines = text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(lines.at(-1)).toEqual({ matched: 2, cancelling: 2, skipped: 0, more: false });
});

test.each([
  ['cancel', { status: 'completed' }],
  ['rerun', { status: 'dead' }],
  ['rerun', { tag: 'no value' }],
  ['cancel', { since: 'yesterday' }],
  ['cancel', { everything: true }],
] as const)('%s refuses %j', async (what, body) => {
  const { status, json } = await bulk(what, body);
  expect({ status, code: json.code }).toEqual({ status: 422, code: 'validation_failed' });
});
