import { Places } from '@holdfast/app-kit';
import type { Run } from '@holdfast/engine';
import { waitFor } from '@holdfast/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventStream } from '../src/event-stream.ts';
import { type EventSource, openEvents } from './support/event-source.ts';
import { ORDER } from './support/order.ts';
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

const post = (path: string, body?: object) =>
  api.ask({
    method: 'POST',
    path,
    ...(body && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  });
const submit = async (paymentMethod: string) =>
  String((await api.order({ ...ORDER, paymentMethod })).json.id);
const settle = (id: string) => post(`/v1/runs/${id}/signals/payment.settled`, { id: 's1', payload: '<m2>' });
const follow = (id: string, headers?: Record<string, string>) =>
  openEvents(`${api.url}/v1/runs/${id}/events`, headers);
const comesTo = (stream: EventSource, status: string) =>
  waitFor(() => stream.events.find(({ run }) => run.status === status), {
    what: `an event that the run is ${status}`,
  });
const ids = ({ events }: EventSource) => events.map(({ id }) => Number(id.slice(id.indexOf('-') + 1)));

test('tells how a run stands, each change in order, and ends with the run', async () => {
  const id = await submit('pm_settles');
  const stream = await follow(id);
  expect(stream.status).toBe(200);
  expect(stream.headers).toMatchObject({
    'content-type': 'text/event-stream',
    'cache-control': 'private, no-store',
  });
  await comesTo(stream, 'suspended');
  await settle(id);
  await stream.ended;
  const { json } = await api.ask({ path: `/v1/runs/${id}` });
  expect(stream.events.at(-1)).toMatchObject({ name: 'run', run: json });
  expect(json.status).toBe('completed');
  expect(ids(stream)).toEqual([...new Set(ids(stream))].toSorted((a, b) => a - b));
});

test('goes on behind Last-Event-ID, after a lost connection too; at the end there is nothing to come back for', async () => {
  const id = await submit('pm_settles');
  const first = await follow(id);
  const { id: seen } = await comesTo(first, 'suspended');
  first.kill();
  const second = await follow(id, { 'last-event-id': seen });
  await settle(id);
  await second.ended;
  expect(Math.min(...ids(second))).toBeGreaterThan(Number(seen.slice(seen.indexOf('-') + 1)));
  expect(second.events.at(-1)?.run.status).toBe('completed');

  const last = String(second.events.at(-1)?.id);
  expect((await follow(id, { 'last-event-id': last })).status).toBe(204);
  // missed: the end is told all the same
  // or seen of a run that had the same id and is gone
  const gone = last.replace(/^\w/, (letter) => (letter === 'a' ? 'b' : 'a'));
  for (const lastEventId of [seen, gone, 'rubbish']) {
    const late = await follow(id, { 'last-event-id': lastEventId });
    await late.ended;
    expect(late.events.map(({ run }) => run.status)).toEqual(['completed']);
  }
});

test('follows a dead run on to what a person makes of it', async () => {
  const id = await submit('pm_bug');
  const stream = await follow(id);
  await comesTo(stream, 'dead');
  const result = { chargeId: 'pi_found' };
  await post(`/v1/dead-letters/${id}/resolve`, { step: 'charge', outcome: 'happened', result });
  await stream.ended;
  expect(stream.events.at(-1)?.run.status).toBe('completed');
});

test('a run that is not there is a 404', async () => {
  const { status, json } = await api.ask({ path: '/v1/runs/run_none/events' });
  expect({ status, code: json.code }).toEqual({ status: 404, code: 'run_not_found' });
});

test('a key that was revoked is told nothing more', async () => {
  const { json: key } = await post('/v1/keys', { name: 'a screen', scopes: ['read'] });
  const id = await submit('pm_settles');
  const stream = await follow(id, { authorization: `Bearer ${key.key}` });
  await comesTo(stream, 'suspended');
  await api.ask({ method: 'DELETE', path: `/v1/keys/${key.id}` });
  await settle(id);
  await stream.ended;
  expect(stream.events.at(-1)?.run.status).toBe('suspended');
});

test('one tenant has a hundred streams at most; a closed one makes room', async () => {
  const id = await submit('pm_settles');
  const streams = await Promise.all(Array.from({ length: 100 }, () => follow(id)));
  expect(new Set(streams.map(({ status }) => status))).toEqual(new Set([200]));
  const refused = await api.ask({ path: `/v1/runs/${id}/events` });
  expect({ status: refused.status, code: refused.json.code }).toEqual({
    status: 429,
    code: 'rate_limited',
  });
  expect(refused.headers['ratelimit-policy']).toBe('"streams";q=100');
  expect(refused.headers.ratelimit).toBe('"streams";r=0;t=5');
  expect(refused.headers['retry-after']).toBe('5');

  streams[0]?.kill();
  const again = await waitFor(
    async () => {
      const stream = await follow(id);
      return stream.status === 200 && stream;
    },
    { what: 'room for another stream' },
  );
  await settle(id);
  await Promise.all([...streams.slice(1), again].map(({ ended }) => ended));
});

test('there is a bound for all tenants together', () => {
  const places = new Places({ all: 2, each: 5 });
  const giveBack = places.take('a');
  expect(places.take('b')).toBeTypeOf('function');
  expect(places.take('c')).toBeUndefined();
  giveBack?.();
  expect(places.take('c')).toBeTypeOf('function');
});

test('says that it is still there when nothing happens', async () => {
  async function* nothing(): AsyncGenerator<Run, void> {
    await new Promise(() => {});
  }
  const stream = eventStream({
    ...{ first: undefined, changes: nothing(), mayStill: async () => true, heartbeatMs: 5 },
  });
  expect([(await stream.next()).value, (await stream.next()).value, (await stream.next()).value]).toEqual([
    'retry: 1000\n\n',
    ': waiting\n\n',
    ': waiting\n\n',
  ]);
});

test('a server that stops ends its streams in good order', async () => {
  const other = await startTestApi(api.redis);
  const id = await submit('pm_settles');
  const stream = await openEvents(`${other.url}/v1/runs/${id}/events`);
  await comesTo(stream, 'suspended');
  await Promise.all([other.close(), stream.ended]);
});
