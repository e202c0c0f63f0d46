import { createClient, tenantEvents } from '@holdfast/engine';
import type { WebhookEndpoint } from '@holdfast/operations';
import { crashEverywhere, type Providers, waitFor } from '@holdfast/testkit';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  createDeliveries,
  DELIVERY_FLOW,
  type DeliveryPorts,
  deliveryContract,
  deliveryFlow,
  startHandOver,
  type Try,
} from '../../src/index.ts';
import { type OutSystem, startOutSystem, TENANT, trip } from '../support/system.ts';

const TRIES = ['try-1', 'try-2', 'try-3'];
const DELIVERY = { id: 'msg_1', tenant: 'test', endpoint: 'whe_1', event: 'run.completed', body: '{}' };

/** An endpoint that says no at first. Requests are told apart by the step, as a subscriber tells them by time. */
function endpoint(providers: Providers, refusals: number): DeliveryPorts {
  return {
    async tryOnce({ id }, _last, call) {
      const nth = Number(call.step.slice('try-'.length));
      const tried: Try = nth <= refusals ? { kind: 'failed', reason: 'no' } : { kind: 'delivered' };
      return providers.call(call, { operation: call.step, body: id, honoursKeys: true, answer: () => tried });
    },
  };
}

test('a worker that dies anywhere in a delivery leaves it to another: it is taken, or tried again', async () => {
  const report = await crashEverywhere((providers) => deliveryFlow(endpoint(providers, 2), 1e-9), DELIVERY, {
    ...{ sequence: TRIES, irreversible: TRIES },
    expect: ({ run }) =>
      expect(run).toMatchObject({ status: 'completed', output: { status: 'delivered', tries: 3 } }),
  });
  expect(report.executions).toBeGreaterThan(20);
}, 300_000);

let system: OutSystem;
beforeAll(async () => {
  system = await startOutSystem();
  // runs end, and deliveries are made, by others than those that are cut off
  system.startWorker();
});
afterAll(() => system.close());

/** Hands over until its connection has sent `commands` commands; what comes after is lost, as in a process that died. */
async function handOverFor(commands: number, lose: 'request' | 'reply'): Promise<{ died: boolean }> {
  const connection = new Redis(system.redis.url, { maxRetriesPerRequest: null });
  const silent = { debug() {}, info() {}, warn() {}, error() {} };
  let sent = 0;
  let died = false;
  const send = connection.sendCommand.bind(connection);
  connection.sendCommand = ((command: Parameters<typeof send>[0], stream: never) => {
    if (died) return new Promise(() => {});
    sent += 1;
    if (sent < commands) return send(command, stream);
    died = true;
    if (lose === 'reply') void Promise.resolve(send(command, stream)).catch(() => {});
    return new Promise(() => {});
  }) as typeof connection.sendCommand;
  const client = createClient({ connection, flows: [trip, deliveryContract] });
  const events = tenantEvents(connection);
  const handing = startHandOver({
    ...{ events, deliveries: createDeliveries({ connection }), endpoints: endpointsOver(connection), client },
    ...{ flows: [trip], eventsOfFlows: {}, ready: () => true, log: silent },
  });
  await waitFor(async () => died || (await system.connection.zcard('{hf0}/events-due')) === 0, {
    what: 'it to die or to be done',
  });
  // one that died, if only now, never ends
  await Promise.race([handing.close(), waitFor(() => died, { what: 'its death', timeoutMs: 60_000 })]);
  connection.disconnect();
  return { died };
}

const endpointsOver = (_: Redis) => system.endpoints;

test.each(['request', 'reply'] as const)(
  'a hand-over that dies at any command, its %s lost, is made good by another',
  async (lose) => {
    let died = true;
    for (let n = 1; died; n += 1) {
      expect(n).toBeLessThan(60);
      const subscriber = await system.subscriber();
      const subscribed: WebhookEndpoint = await system.subscribe(subscriber, 'run.completed');
      await held(async () => {
        const runId = await system.submit('well');
        await system.runWith(runId, 'completed');
        ({ died } = await handOverFor(n, lose));
        // its lease would run out in a few seconds
        for (const entry of await system.connection.zrangebyscore('{hf0}/events-due', '-inf', '+inf'))
          await system.connection.zadd('{hf0}/events-due', '0', String(entry));
      });
      await waitFor(() => subscriber.received.length > 0, { what: `the event, after command ${n}` });
      await waitFor(
        async () => (await system.deliveriesOf(subscribed)).every(({ status }) => status === 'delivered'),
        { what: 'its delivery' },
      );
      expect(new Set(subscriber.received.map(({ id }) => id)).size).toBe(1);
      expect(await system.deliveriesOf(subscribed)).toHaveLength(1);
      await system.endpoints.delete({ name: 'test', via: 'api' }, TENANT, subscribed.id);
    }
    const jobs = await system.connection.keys(`{hf0}:${DELIVERY_FLOW}:run_*`);
    await waitFor(async () => (await system.connection.exists(...jobs, 'none')) === 0, {
      what: 'no job left',
    });
  },
  120_000,
);

/** Nobody else hands over meanwhile. */
async function held(act: () => Promise<void>): Promise<void> {
  system.pauseHandOver();
  await act();
  system.resumeHandOver();
}
