import { createClient, LIMITS } from '@holdfast/engine';
import { orderContract } from '@holdfast/flows';
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

/** Sends nothing at all when there is no body. */
function post(path: string, body?: unknown): Promise<Answer> {
  if (body === undefined) return api.ask({ method: 'POST', path });
  return api.ask({
    method: 'POST',
    path,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
}

async function submit(paymentMethod: string): Promise<string> {
  const { json } = await api.order({ ...ORDER, paymentMethod });
  return String(json.id);
}

function runWith(id: string, status: string): Promise<Answer['json']> {
  return waitFor(
    async () => {
      const { json } = await api.ask({ path: `/v1/runs/${id}` });
      return json.status === status && json;
    },
    { what: `run ${id} to be ${status}` },
  );
}

/** A new run, as soon as it has this status. */
async function runThatIs(status: 'completed' | 'failed' | 'suspended' | 'dead'): Promise<string> {
  const method = {
    completed: 'pm_card_visa',
    failed: 'pm_declined',
    suspended: 'pm_settles',
    dead: 'pm_bug',
  };
  const id = await submit(method[status]);
  await runWith(id, status);
  return id;
}

const outcome = ({ status, json }: Answer) => ({ status, code: json.code });

describe('POST /v1/runs/{id}/cancel', () => {
  test('undoes what was done; 202 with the run and where it is', async () => {
    const id = await runThatIs('suspended');
    const { status, headers, json } = await post(`/v1/runs/${id}/cancel`);
    expect(status).toBe(202);
    expect(headers.location).toBe(`/v1/runs/${id}`);
    expect(json.id).toBe(id);
    const run = await runWith(id, 'cancelled');
    expect(run.steps).toMatchObject([{ name: 'charge', status: 'compensated' }]);
  });

  test('of a run that has ended is answered with 409', async () => {
    const id = await runThatIs('completed');
    expect(outcome(await post(`/v1/runs/${id}/cancel`))).toEqual({ status: 409, code: 'run_finished' });
  });
});

describe('POST /v1/runs/{id}/rerun with another input', () => {
  test('is another run under another key; the first stays as it is, and the log names both', async () => {
    const id = await runThatIs('failed');
    const before = (await api.ask({ path: `/v1/runs/${id}` })).json;
    const again = { input: ORDER, idempotencyKey: `${before.idempotencyKey}-corrected` };
    const { status, headers, json } = await post(`/v1/runs/${id}/rerun`, again);
    expect({ status, key: json.idempotencyKey, flow: json.flow }).toEqual({
      ...{ status: 202, key: again.idempotencyKey, flow: 'order' },
    });
    expect(json.id).not.toBe(id);
    expect(headers.location).toBe(`/v1/runs/${json.id}`);
    await runWith(String(json.id), 'completed');
    expect((await api.ask({ path: `/v1/runs/${id}` })).json).toEqual(before);
    const replayed = await post(`/v1/runs/${id}/rerun`, again);
    expect(replayed.json.id).toBe(json.id);
    expect(replayed.headers['idempotent-replayed']).toBe('true');
    const { json: log } = await api.ask({ path: '/v1/audit?limit=100' });
    const entries = (log.data as Record<string, unknown>[]).filter(({ runId }) => runId === id);
    expect(entries).toMatchObject([
      { action: 'rerun', outcome: 'rerun_edited', detail: { newRun: json.id } },
    ]);
    // the same request as a submission under that key
    expect((await api.order(ORDER, { 'idempotency-key': again.idempotencyKey })).json.id).toBe(json.id);
  });

  test('is refused where its input, its key or its run do not fit', async () => {
    const id = await runThatIs('failed');
    const key = newKey();
    const refusals = [
      [{ input: { items: [] }, idempotencyKey: key }, 422, 'validation_failed'],
      [{ input: ORDER }, 422, 'validation_failed'],
      [{ input: ORDER, idempotencyKey: 'no good' }, 400, 'idempotency_key_invalid'],
    ] as const;
    for (const [body, status, code] of refusals)
      expect(outcome(await post(`/v1/runs/${id}/rerun`, body))).toEqual({ status, code });
    await api.order({ ...ORDER, currency: 'eur' }, { 'idempotency-key': key });
    expect(outcome(await post(`/v1/runs/${id}/rerun`, { input: ORDER, idempotencyKey: key }))).toEqual({
      ...{ status: 422, code: 'idempotency_key_reused' },
    });
    const waiting = await runThatIs('suspended');
    expect(
      outcome(await post(`/v1/runs/${waiting}/rerun`, { input: ORDER, idempotencyKey: newKey() })),
    ).toEqual({ status: 409, code: 'run_not_finished' });
  });
});

describe('POST /v1/runs/{id}/rerun', () => {
  test('starts the next generation of a run that has ended', async () => {
    const id = await runThatIs('failed');
    const { status, json } = await post(`/v1/runs/${id}/rerun`);
    expect(status).toBe(202);
    expect(json).toMatchObject({ id, generation: 2 });
    expect(await runWith(id, 'failed')).toMatchObject({ generation: 2 });
  });

  test.each(['suspended', 'dead'] as const)('of a %s run is answered with 409', async (status) => {
    const id = await runThatIs(status);
    expect(outcome(await post(`/v1/runs/${id}/rerun`))).toEqual({ status: 409, code: 'run_not_finished' });
  });
});

test('a run that others draw upon is not started afresh: 409', async () => {
  const id = await runThatIs('completed');
  const connection = new Redis(api.redis.url);
  const client = createClient({ connection, flows: [orderContract] });
  const key = newKey();
  const request = { flow: 'order', input: ORDER, tenant: 'dev', idempotencyKey: key, fingerprint: key };
  expect(await client.submitDrawing(request, { from: id, amount: 1, limit: 1 })).toMatchObject({
    outcome: 'created',
  });
  await client.close();
  connection.disconnect();
  expect(outcome(await post(`/v1/runs/${id}/rerun`))).toEqual({ status: 409, code: 'run_drawn_upon' });
});

describe('POST /v1/runs/{id}/signals/{name}', () => {
  const signals = (id: string, name = 'payment.settled') => `/v1/runs/${id}/signals/${name}`;

  test('hands its payload to the flow that waits for it', async () => {
    const id = await runThatIs('suspended');
    const { status, json } = await post(signals(id), { id: 'evt_1', payload: '<settled>' });
    expect(status).toBe(202);
    expect(json.id).toBe(id);
    expect(await runWith(id, 'completed')).toMatchObject({ output: { messageId: '<settled>' } });
  });

  test('the same id again changes nothing, also after the end; another one is refused then', async () => {
    const id = await runThatIs('suspended');
    expect((await post(signals(id), { id: 'evt_1', payload: '<first>' })).status).toBe(202);
    await runWith(id, 'completed');
    expect((await post(signals(id), { id: 'evt_1', payload: '<second>' })).status).toBe(202);
    expect(await runWith(id, 'completed')).toMatchObject({ output: { messageId: '<first>' } });
    expect(outcome(await post(signals(id), { id: 'evt_2', payload: '<late>' }))).toEqual({
      status: 409,
      code: 'run_finished',
    });
  });

  test('before the run waits for it is kept', async () => {
    await worker.stop();
    const id = await submit('pm_settles');
    expect((await post(signals(id), { id: 'evt_1', payload: '<early>' })).status).toBe(202);
    worker = startTestWorker(api.redis.url);
    expect(await runWith(id, 'completed')).toMatchObject({ output: { messageId: '<early>' } });
  });

  test('without a payload is one of null', async () => {
    const id = await runThatIs('suspended');
    expect((await post(signals(id), { id: 'evt_1' })).status).toBe(202);
    expect(await runWith(id, 'dead')).toMatchObject({ error: { code: 'output_invalid' } });
  });

  test.each<[string, string, unknown, number, string]>([
    ['no body', 'x', undefined, 400, 'body_missing'],
    ['no id', 'x', { payload: 1 }, 422, 'validation_failed'],
    ['an unknown member', 'x', { id: 'a', name: 'b' }, 422, 'validation_failed'],
    ['an id that cannot be used', 'x', { id: 'a b' }, 422, 'signal_invalid'],
    ['a name that cannot be used', 'a%20b', { id: 'a' }, 422, 'signal_invalid'],
    ["a name of the engine's own", 'child.x', { id: 'a' }, 422, 'signal_invalid'],
    [
      'a payload larger written out than sent',
      'x',
      `{"id":"a","payload":[${Array(60_000).fill('1e20').join()}]}`,
      413,
      'body_too_large',
    ],
  ])('with %s is refused', async (_what, name, body, status, code) => {
    const id = await runThatIs('suspended');
    const answer =
      typeof body === 'string'
        ? await api.ask({
            ...{ method: 'POST', path: signals(id, name), body },
            headers: { 'content-type': 'application/json' },
          })
        : await post(signals(id, name), body);
    expect(outcome(answer)).toEqual({ status, code });
  });

  test('past as many as a run keeps is answered with 429', async () => {
    const id = await runThatIs('suspended');
    const connection = new Redis(api.redis.url);
    const client = createClient({ connection, flows: [] });
    const filled = await Promise.all(
      Array.from({ length: LIMITS.signals }, (_, n) =>
        client.signal('dev', id, { id: `evt_${n}`, name: 'other', payload: n }),
      ),
    );
    await client.close();
    connection.disconnect();
    expect(new Set(filled)).toEqual(new Set(['delivered']));
    expect(outcome(await post(signals(id), { id: 'evt_one_more' }))).toEqual({
      status: 429,
      code: 'too_many_signals',
    });
    expect((await post(signals(id, 'other'), { id: 'evt_7' })).status).toBe(202);
  });
});

describe('POST /v1/dead-letters/{runId}/redrive', () => {
  test('tries the failed step again; a second time at once changes nothing', async () => {
    const id = await runThatIs('dead');
    await worker.stop();
    const first = await post(`/v1/dead-letters/${id}/redrive`);
    const second = await post(`/v1/dead-letters/${id}/redrive`);
    expect([first.status, second.status]).toEqual([202, 202]);
    expect(second.json).toEqual(first.json);
    expect(first.json.status).not.toBe('dead');
    worker = startTestWorker(api.redis.url);
    const run = await runWith(id, 'dead');
    expect(run.steps).toMatchObject([{ name: 'charge', attempts: 2 }]);
  });

  test('of a run that has ended changes nothing', async () => {
    const id = await runThatIs('completed');
    const { status, json } = await post(`/v1/dead-letters/${id}/redrive`);
    expect({ status, run: json.status }).toEqual({ status: 202, run: 'completed' });
  });
});

describe('POST /v1/dead-letters/{runId}/resolve', () => {
  const resolve = (id: string, body: unknown) => post(`/v1/dead-letters/${id}/resolve`, body);

  test('it happened: the run goes on with the result', async () => {
    const id = await runThatIs('dead');
    const result = { chargeId: 'pi_found' };
    expect((await resolve(id, { step: 'charge', outcome: 'happened', result })).status).toBe(202);
    const run = await runWith(id, 'completed');
    expect(run).toMatchObject({ output: result, steps: [{ attempts: 1 }] });
  });

  test.each([
    ['left out', {}, 'result'],
    ['another one', { result: { labelId: 'lbl_1' } }, 'result.chargeId'],
    ['no string', { result: { chargeId: 7 } }, 'result.chargeId'],
  ])(
    'a result that the flow cannot go on with (%s) is refused, saying where, and the run can still be resolved',
    async (_what, more, path) => {
      const id = await runThatIs('dead');
      const { status, json } = await resolve(id, { step: 'charge', outcome: 'happened', ...more });
      expect({ status, code: json.code }).toEqual({ status: 422, code: 'validation_failed' });
      expect(json.errors).toEqual([{ path, message: expect.any(String) }]);
      const result = { chargeId: 'pi_found', more: 'is kept' };
      expect((await resolve(id, { step: 'charge', outcome: 'happened', result })).status).toBe(202);
      await runWith(id, 'completed');
    },
  );

  test('it did not happen: the step is tried again', async () => {
    const id = await runThatIs('dead');
    await worker.stop();
    expect((await resolve(id, { step: 'charge', outcome: 'did_not_happen' })).status).toBe(202);
    expect((await api.ask({ path: `/v1/runs/${id}` })).json.status).toBe('pending');
    worker = startTestWorker(api.redis.url);
    expect((await runWith(id, 'dead')).steps).toMatchObject([{ attempts: 2 }]);
  });

  test('of a step that is not in doubt is answered with 422', async () => {
    const id = await runThatIs('dead');
    expect(outcome(await resolve(id, { step: 'ship', outcome: 'did_not_happen' }))).toEqual({
      status: 422,
      code: 'step_not_in_doubt',
    });
  });

  test.each(['completed', 'suspended'] as const)('of a %s run is answered with 409', async (status) => {
    const id = await runThatIs(status);
    expect(outcome(await resolve(id, { step: 'charge', outcome: 'did_not_happen' }))).toEqual({
      status: 409,
      code: 'run_not_dead',
    });
  });

  test.each([
    ['no outcome', { step: 'charge' }, 'outcome'],
    ['an outcome that is none', { step: 'charge', outcome: 'perhaps' }, 'outcome'],
    ['no step', { outcome: 'did_not_happen' }, 'step'],
    ['a result of what did not happen', { step: 'charge', outcome: 'did_not_happen', result: 1 }, 'result'],
  ])('with %s is refused, saying where', async (_what, body, path) => {
    const { status, json } = await resolve('run_1', body);
    expect({ status, code: json.code }).toEqual({ status: 422, code: 'validation_failed' });
    expect(json.errors).toEqual([{ path, message: expect.any(String) }]);
  });
});

describe('POST /v1/dead-letters/{runId}/cancel', () => {
  test('gives the run up, and undoes what was done', async () => {
    const id = await runThatIs('dead');
    const result = { chargeId: 'pi_found' };
    await worker.stop();
    await post(`/v1/dead-letters/${id}/resolve`, { step: 'charge', outcome: 'happened', result });
    expect((await post(`/v1/dead-letters/${id}/cancel`)).status).toBe(202);
    worker = startTestWorker(api.redis.url);
    expect((await runWith(id, 'cancelled')).steps).toMatchObject([{ status: 'compensated' }]);
  });

  test('that cannot be carried out leaves the run dead, and says that it is to be undone', async () => {
    const id = await runThatIs('dead');
    expect((await api.ask({ path: `/v1/runs/${id}` })).json).not.toHaveProperty('undoing');
    await post(`/v1/dead-letters/${id}/cancel`);
    const undone = async () => {
      const { json } = await api.ask({ path: `/v1/runs/${id}` });
      return json.status === 'dead' && json.undoing === true;
    };
    await waitFor(undone, { what: 'the run to be dead again' });
  });

  test('of a run that has ended is answered with 409', async () => {
    const id = await runThatIs('failed');
    expect(outcome(await post(`/v1/dead-letters/${id}/cancel`))).toEqual({
      status: 409,
      code: 'run_finished',
    });
  });
});

describe.each([
  '/v1/runs/ID/cancel',
  '/v1/runs/ID/rerun',
  '/v1/dead-letters/ID/redrive',
  '/v1/dead-letters/ID/cancel',
])('POST %s', (path) => {
  const ask = (id: string, body?: string, headers: Record<string, string> = {}) =>
    api.ask({ method: 'POST', path: path.replace('ID', id), headers, ...(body !== undefined && { body }) });

  test('needs no body: none, an empty one and an empty object are the same', async () => {
    const type = { 'content-type': 'application/json' };
    for (const [body, headers] of [[undefined], [''], ['', type], ['{}', type]] as const) {
      expect(outcome(await ask('run_none', body, headers))).toEqual({ status: 404, code: 'run_not_found' });
    }
  });

  test('refuses a body that asks for something', async () => {
    const answer = await ask('run_none', '{"force":true}', { 'content-type': 'application/json' });
    expect(outcome(answer)).toEqual({ status: 422, code: 'validation_failed' });
    expect(answer.json.errors).toEqual([{ path: 'force', message: expect.any(String) }]);
    expect((await ask('run_none', 'x', { 'content-type': 'text/plain' })).status).toBe(415);
  });
});
