import { waitFor } from '@holdfast/testkit';
import { Webhook as SvixWebhook } from 'svix';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runOfDelivery } from '../src/index.ts';
import { answering, hanging } from './support/subscriber.ts';
import { type OutSystem, startOutSystem, TENANT } from './support/system.ts';

let system: OutSystem;
beforeAll(async () => {
  system = await startOutSystem();
  system.startWorker();
});
afterAll(() => system.close());

const until = (what: string, is: () => boolean | Promise<boolean>, timeoutMs = 10_000) =>
  waitFor(is, { what, timeoutMs });

test('the end of a run is delivered once, signed, with the run as it stood', async () => {
  const subscriber = await system.subscriber();
  const endpoint = await system.subscribe(subscriber, 'run.*');
  const runId = await system.submit('well');
  await until('the event', () => subscriber.received.length > 0);
  const [received] = subscriber.received;
  expect(received?.body).toEqual({
    type: 'run.completed',
    timestamp: expect.stringMatching(/^\d{4}-.*Z$/),
    data: {
      run: {
        ...{ id: runId, flow: 'trip', version: 1, generation: 1, status: 'completed' },
        ...{ idempotencyKey: expect.any(String), output: { ended: 'well' }, steps: [expect.anything()] },
        ...{ createdAt: expect.any(String), updatedAt: expect.any(String), finishedAt: expect.any(String) },
      },
    },
  });
  expect(received?.id).toMatch(/^msg_[0-9a-f]{32}$/);
  expect(subscriber.unverified(endpoint.secret)).toEqual([]);
  new SvixWebhook(endpoint.secret).verify(received?.raw ?? '', received?.headers as Record<string, string>);
  await until('its delivery', async () => (await system.deliveriesOf(endpoint))[0]?.status === 'delivered');
  expect(await system.deliveriesOf(endpoint)).toMatchObject([
    {
      ...{ id: received?.id, event: 'run.completed', runId, status: 'delivered', attempts: 1 },
      ...{ lastStatus: 204, latencyMs: expect.any(Number), deliveredAt: expect.any(Number) },
    },
  ]);
  expect(subscriber.received).toHaveLength(1);
});

test('each gets what its filter says, and what a flow means by its end', async () => {
  const [all, travels, failures] = [
    await system.subscriber(),
    await system.subscriber(),
    await system.subscriber(),
  ];
  await system.subscribe(all, 'run.*', 'travel.*');
  await system.subscribe(travels, 'travel.arrived');
  await system.subscribe(failures, 'run.failed', 'run.dead');
  for (const how of ['well', 'refused', 'dead'] as const) await system.submit(how);
  await until(
    'all events',
    () => all.received.length === 4 && travels.received.length === 1 && failures.received.length === 2,
  );
  const types = all.received.map(({ body }) => body.type).toSorted();
  expect(types).toEqual(['run.completed', 'run.dead', 'run.failed', 'travel.arrived']);
  expect(travels.received[0]?.body.data).toMatchObject({
    travel: { by: 'trip' },
    run: { status: 'completed' },
  });
});

test('what a flow emits is told with what it gave', async () => {
  const subscriber = await system.subscriber();
  await system.subscribe(subscriber, 'trip.*');
  const runId = await system.submit('well');
  await until('the event', () => subscriber.received.length === 1);
  expect(subscriber.received[0]?.body).toMatchObject({
    type: 'trip.remembered',
    data: { run: { id: runId }, payload: { photos: 3 } },
  });
});

test('a failure is tried again with the same id, the same bytes and another time, by the schedule', async () => {
  const subscriber = await system.subscriber();
  const endpoint = await system.subscribe(subscriber, 'run.completed');
  subscriber.behave((received, nth, response) =>
    answering(nth < 3 ? 500 : 200, {}, 'mail ada@example.com about it')(received, nth, response),
  );
  await system.submit('well');
  await until('three tries', () => subscriber.received.length === 3);
  expect(new Set(subscriber.received.map(({ id }) => id)).size).toBe(1);
  expect(new Set(subscriber.received.map(({ raw }) => raw)).size).toBe(1);
  expect(subscriber.unverified(endpoint.secret)).toEqual([]);
  // 5 s and 5 min, by a thousandth
  const [first, second, third] = subscriber.received.map(({ at }) => at);
  expect((second ?? 0) - (first ?? 0)).toBeGreaterThanOrEqual(4);
  expect((third ?? 0) - (second ?? 0)).toBeGreaterThanOrEqual(295);
  await until('its delivery', async () => (await system.deliveriesOf(endpoint))[0]?.status === 'delivered');
  const [delivery] = await system.deliveriesOf(endpoint);
  expect(delivery).toMatchObject({
    attempts: 3,
    lastStatus: 200,
    responseExcerpt: 'mail [redacted] about it',
  });
  expect(delivery).not.toHaveProperty('lastError');
});

test('Retry-After is kept, whatever the retry scale', async () => {
  const subscriber = await system.subscriber();
  await system.subscribe(subscriber, 'run.completed');
  subscriber.behave((received, nth, response) =>
    (nth === 1 ? answering(429, { 'retry-after': '2' }) : answering(204))(received, nth, response),
  );
  await system.submit('well');
  await until('the second try', () => subscriber.received.length === 2);
  const [first, second] = subscriber.received.map(({ at }) => at);
  expect((second ?? 0) - (first ?? 0)).toBeGreaterThanOrEqual(1_990);
});

test('redirects are not followed', async () => {
  const [subscriber, elsewhere] = [await system.subscriber(), await system.subscriber()];
  const endpoint = await system.subscribe(subscriber, 'run.completed');
  subscriber.behave((received, nth, response) =>
    (nth === 1 ? answering(302, { location: elsewhere.url }) : answering(204))(received, nth, response),
  );
  await system.submit('well');
  await until('the second try', () => subscriber.received.length === 2);
  expect(elsewhere.received).toEqual([]);
  await until('its delivery', async () => (await system.deliveriesOf(endpoint))[0]?.attempts === 2);
});

test('while a secret is rotated both sign', async () => {
  const subscriber = await system.subscriber();
  const endpoint = await system.subscribe(subscriber, 'run.completed');
  const actor = { name: 'test', via: 'api' } as const;
  const rotated = await system.endpoints.rotateSecret(actor, TENANT, endpoint.id, 60_000);
  if (rotated?.outcome !== 'done') throw new Error('not rotated');
  await system.submit('well');
  await until('the event', () => subscriber.received.length === 1);
  expect(subscriber.received[0]?.headers['webhook-signature']?.toString().split(' ')).toHaveLength(2);
  expect(subscriber.unverified(endpoint.secret)).toEqual([]);
  expect(subscriber.unverified(rotated.value.secret)).toEqual([]);
});

test('410 disables the endpoint; what waits for it ends, and nothing more is collected', async () => {
  const subscriber = await system.subscriber();
  const endpoint = await system.subscribe(subscriber, 'run.completed');
  subscriber.behave(answering(410));
  await system.submit('well');
  await until('it to be disabled', async () => {
    return (await system.endpoints.get(TENANT, endpoint.id))?.status === 'disabled';
  });
  await until('its delivery to end', async () => (await system.deliveriesOf(endpoint))[0]?.status === 'dead');
  expect(system.became).toContainEqual({ tenant: TENANT, endpoint: endpoint.id, became: 'disabled' });
  const runId = await system.submit('well');
  await system.runWith(runId, 'completed');
  await until('it to be handed over', async () => (await system.events.takeDue(1, 0)).length === 0);
  expect(await system.deliveriesOf(endpoint)).toHaveLength(1);
});

test('a paused endpoint keeps its events as pending and gets them once it is active', async () => {
  const subscriber = await system.subscriber();
  const endpoint = await system.subscribe(subscriber, 'run.completed');
  await system.setStatus(endpoint, 'paused');
  const runIds = [await system.submit('well'), await system.submit('well'), await system.submit('well')];
  await until('its deliveries', async () => (await system.deliveriesOf(endpoint)).length === 3);
  for (const { id } of await system.deliveriesOf(endpoint))
    await system.runWith(runOfDelivery(id), 'suspended');
  expect((await system.deliveriesOf(endpoint)).map(({ status }) => status)).toEqual(Array(3).fill('pending'));
  expect(subscriber.received).toEqual([]);
  await system.setStatus(endpoint, 'active');
  await until('all three', () => subscriber.received.length === 3);
  const told = subscriber.received.map(({ body }) => (body.data.run as { id: string }).id);
  expect(told.toSorted()).toEqual(runIds.toSorted());
});

test('five days without a success pause it; what it did not take is kept', async () => {
  const subscriber = await system.subscriber();
  const endpoint = await system.subscribe(subscriber, 'run.completed');
  subscriber.behave(answering(500));
  const sixDays = 6 * 24 * 60 * 60 * 1_000;
  await system.connection.hset(`{hf0}/webhook-endpoint/${endpoint.id}`, 'failingSince', Date.now() - sixDays);
  await system.submit('well');
  await until('it to be paused', async () => {
    return (await system.endpoints.get(TENANT, endpoint.id))?.status === 'paused';
  });
  await until('somebody to be told', () =>
    system.became.some((each) => each.endpoint === endpoint.id && each.became === 'paused'),
  );
  subscriber.behave(answering(204));
  const before = subscriber.received.length;
  expect((await system.deliveriesOf(endpoint))[0]?.status).toBe('pending');
  await system.setStatus(endpoint, 'active');
  await until(
    'it to be delivered',
    async () => (await system.deliveriesOf(endpoint))[0]?.status === 'delivered',
  );
  expect(subscriber.received.length).toBeGreaterThan(before);
});

test('what is not taken in ten tries is dead; a retry sends it once more, under the same id', async () => {
  const other = await startOutSystem();
  other.startWorker({ retryScale: 1e-9 });
  const subscriber = await other.subscriber();
  const endpoint = await other.subscribe(subscriber, 'run.completed');
  subscriber.behave(answering(503));
  await other.submit('well');
  await until('it to be given up', async () => (await other.deliveriesOf(endpoint))[0]?.status === 'dead');
  const [delivery] = await other.deliveriesOf(endpoint);
  expect(delivery).toMatchObject({ attempts: 10, lastStatus: 503, lastError: 'The endpoint answered 503.' });
  const id = delivery?.id ?? '';
  await other.runWith(runOfDelivery(id), 'dead');
  const dead = await other.client.listDead(TENANT);
  expect(dead.runs.map((run) => run.id)).toContain(runOfDelivery(id));

  subscriber.behave(answering(204));
  expect(await other.desk.retry(TENANT, endpoint.id, id)).toBe(true);
  await until('it to be taken', async () => (await other.deliveriesOf(endpoint))[0]?.status === 'delivered');
  // and once more, though it was taken
  expect(await other.desk.retry(TENANT, endpoint.id, id)).toBe(true);
  await until('it to come again', () => subscriber.received.length === 12);
  expect(new Set(subscriber.received.map((one) => one.id))).toEqual(new Set([id]));
  await other.close();
}, 30_000);

test('a retry of one that waits for its next try does not wait', async () => {
  const other = await startOutSystem();
  other.startWorker({ retryScale: 1 });
  const subscriber = await other.subscriber();
  const endpoint = await other.subscribe(subscriber, 'run.completed');
  subscriber.behave(answering(500, { 'retry-after': '3600' }));
  await other.submit('well');
  await until('the first try', async () => (await other.deliveriesOf(endpoint))[0]?.attempts === 1);
  const id = (await other.deliveriesOf(endpoint))[0]?.id ?? '';
  await other.runWith(runOfDelivery(id), 'suspended');
  subscriber.behave(answering(204));
  await other.desk.retry(TENANT, endpoint.id, id);
  await until('it to be taken', async () => (await other.deliveriesOf(endpoint))[0]?.status === 'delivered');
  await other.close();
}, 30_000);

test('a test goes to any endpoint, whatever its filter and status', async () => {
  const subscriber = await system.subscriber();
  const endpoint = await system.subscribe(subscriber, 'run.dead');
  await system.setStatus(endpoint, 'paused');
  const id = await system.desk.test(TENANT, endpoint.id);
  await until('the test', () => subscriber.received.length === 1);
  expect(subscriber.received[0]).toMatchObject({ id, body: { type: 'webhook.test' } });
  await until('its delivery', async () => (await system.deliveriesOf(endpoint))[0]?.status === 'delivered');
});

test('a replay sends what was before the endpoint, and what it had already under the same id', async () => {
  const before = await system.submit('well');
  await system.runWith(before, 'completed');
  const run = await system.client.getRun(TENANT, before);
  const since = run?.updatedAt ?? 0;
  const subscriber = await system.subscriber();
  const endpoint = await system.subscribe(subscriber, 'run.completed', 'travel.*');
  await system.submit('well');
  await until('the two of the second', () => subscriber.received.length === 2);
  await until('their deliveries', async () =>
    (await system.deliveriesOf(endpoint)).every(({ status }) => status === 'delivered'),
  );
  const filters = [endpoint.events, ['run.completed']];
  const range = { since, until: Date.now() + 1_000, filters };
  expect(await system.desk.replay(TENANT, endpoint.id, range)).toBe(2);
  await until('both', () => subscriber.received.length === 4);
  const runs = subscriber.received.filter(({ body }) => body.type === 'run.completed');
  expect(new Set(runs.map(({ id }) => id)).size).toBe(2);
  expect(runs).toHaveLength(3);
});

test('what is sent of a run that was rerun since is what it was', async () => {
  const runId = await system.submit('well');
  await system.runWith(runId, 'completed');
  await system.client.rerun(TENANT, runId);
  await until('its second end', async () => {
    const run = await system.client.getRun(TENANT, runId);
    return run?.generation === 2 && run.status === 'completed';
  });
  const subscriber = await system.subscriber();
  const endpoint = await system.subscribe(subscriber, 'run.completed');
  await system.desk.replay(TENANT, endpoint.id, {
    since: 0,
    until: Date.now() + 1_000,
    filters: [['run.*']],
  });
  const generations = () =>
    subscriber.received.flatMap(({ body }) => {
      const run = body.data.run as { id: string; generation: number; status: string };
      return run.id === runId ? [`${run.generation} ${run.status}`] : [];
    });
  await until('both ends', () => generations().length === 2);
  expect(generations().toSorted()).toEqual(['1 completed', '2 completed']);
});

test('a deleted endpoint gets nothing more, and what waited for it ends', async () => {
  const subscriber = await system.subscriber();
  const endpoint = await system.subscribe(subscriber, 'run.completed');
  await system.setStatus(endpoint, 'paused');
  await system.submit('well');
  await until('its delivery', async () => (await system.deliveriesOf(endpoint)).length === 1);
  const run = runOfDelivery((await system.deliveriesOf(endpoint))[0]?.id ?? '');
  await system.runWith(run, 'suspended');
  await system.endpoints.delete({ name: 'test', via: 'api' }, TENANT, endpoint.id);
  await system.runWith(run, 'failed');
  expect(subscriber.received).toEqual([]);
  expect(await system.connection.keys(`*${endpoint.id}*`)).toEqual([]);
});

test('an answer without an end is cut off', async () => {
  const subscriber = await system.subscriber();
  const endpoint = await system.subscribe(subscriber, 'run.completed');
  subscriber.behave((_received, _nth, response) => {
    response.writeHead(200);
    const write = () => {
      while (!response.destroyed && response.write('x'.repeat(65_536)));
    };
    response.on('drain', write);
    write();
  });
  await system.submit('well');
  await until('its delivery', async () => (await system.deliveriesOf(endpoint))[0]?.status === 'delivered');
  expect((await system.deliveriesOf(endpoint))[0]?.responseExcerpt).toHaveLength(200);
});

test('a request that outlasted its place, because Redis was away, counts all the same', async () => {
  const other = await startOutSystem();
  const endpoint = await other.subscribe({ url: 'http://127.0.0.1:1/' }, 'run.completed');
  const delivery = { id: `msg_${'1'.repeat(32)}`, tenant: TENANT, endpoint: endpoint.id };
  await other.deliveries.create({ ...delivery, event: 'run.completed' });
  expect(await other.deliveries.enter(delivery, { always: false, queue: true })).toBe('go');
  await other.connection.del(`{hf0}/webhook-in-flight/${endpoint.id}`);
  await other.deliveries.leave(delivery, {
    outcome: 'delivered',
    slow: false,
    lastStatus: 204,
    latencyMs: 1,
  });
  expect(await other.deliveries.get(TENANT, endpoint.id, delivery.id)).toMatchObject({
    ...{ status: 'delivered', attempts: 1 },
  });
  expect(await other.connection.pttl(`{hf0}/webhook-delivery/${delivery.id}`)).toBeGreaterThan(0);
  await other.close();
});

test('an endpoint that hangs keeps no other waiting, and its own go on once it answers', async () => {
  const other = await startOutSystem();
  // alone it could take every place of the worker
  other.startWorker({ timeoutMs: 20_000, concurrency: 50 });
  const [hangs, fails, ...healthy] = await Promise.all(Array.from({ length: 5 }, () => other.subscriber()));
  if (!hangs || !fails) throw new Error('no subscribers');
  hangs.behave(hanging);
  fails.behave(answering(500));
  for (const each of [hangs, fails, ...healthy]) await other.subscribe(each, 'run.completed');
  const ids = await Promise.all(Array.from({ length: 60 }, () => other.submit('well')));
  await until(
    'all at the healthy ones',
    () => healthy.every(({ received }) => new Set(received.map(({ id }) => id)).size === ids.length),
    30_000,
  );
  expect(hangs.received.length).toBeLessThanOrEqual(32);
  hangs.behave(answering(204));
  const seen = () => new Set(hangs.received.map(({ id }) => id)).size;
  await until('the one that hung to get all', () => seen() === ids.length, 60_000);
  await other.close();
}, 120_000);
