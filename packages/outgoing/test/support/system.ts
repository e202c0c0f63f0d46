import { randomBytes } from 'node:crypto';
import {
  type Client,
  createClient,
  defineFlow,
  type Flow,
  RejectedError,
  type Run,
  startWorker,
  type TenantEvents,
  tenantEvents,
  type Worker,
} from '@holdfast/engine';
import { createWebhookEndpoints, type WebhookEndpoint, type WebhookEndpoints } from '@holdfast/operations';
import { createSealer } from '@holdfast/redis';
import { startRedis, type TestRedis, waitFor } from '@holdfast/testkit';
import { Redis } from 'ioredis';
import { z } from 'zod';
import {
  createDeliverer,
  createDeliveries,
  createDeliveryDesk,
  createEndpointGuard,
  type Deliveries,
  type Delivery,
  type DeliveryDesk,
  deliveryContract,
  deliveryFlow,
  type EventsOfFlows,
  readAllowList,
  startHandOver,
} from '../../src/index.ts';
import { type Subscriber, startSubscriber } from './subscriber.ts';

const silent = { debug() {}, info() {}, warn() {}, error() {} };
const ACTOR = { name: 'test', via: 'api' } as const;

/** Ends as its input says. */
export const trip = defineFlow({
  name: 'trip',
  version: 1,
  input: z.enum(['well', 'refused', 'dead']),
  output: z.object({ ended: z.string() }),
  async run(ctx, how) {
    await ctx.step('go', {
      run: () => {
        if (how === 'refused') throw new RejectedError({ code: 'no', message: 'no' });
        if (how === 'dead') throw new TypeError('bug');
      },
      whenInDoubt: 'halt',
    });
    if (how === 'well') await ctx.emit('trip.remembered', { photos: 3 });
    return { ended: how };
  },
});

const EVENTS: EventsOfFlows = {
  trip: {
    on: { completed: 'travel.arrived' },
    data: async (run) => ({ travel: { by: run.flow } }),
  },
};

export interface OutSystem {
  readonly redis: TestRedis;
  readonly connection: Redis;
  readonly client: Client;
  readonly endpoints: WebhookEndpoints;
  readonly deliveries: Deliveries;
  readonly desk: DeliveryDesk;
  readonly events: TenantEvents;
  readonly became: { readonly endpoint: string; readonly became: string }[];
  /** Hands events over and delivers them. */
  startWorker(options?: {
    readonly retryScale?: number;
    readonly timeoutMs?: number;
    readonly concurrency?: number;
  }): {
    stop(): Promise<void>;
  };
  subscribe(
    subscriber: Pick<Subscriber, 'url'>,
    ...events: string[]
  ): Promise<WebhookEndpoint & { readonly secret: string }>;
  subscriber(): Promise<Subscriber>;
  setStatus(endpoint: WebhookEndpoint, status: 'active' | 'paused'): Promise<void>;
  submit(how: z.infer<typeof trip.input>, key?: string): Promise<string>;
  runWith(runId: string, status: Run['status']): Promise<Run>;
  deliveriesOf(endpoint: WebhookEndpoint): Promise<readonly Delivery[]>;
  /** Its workers hand nothing over until it is resumed. */
  pauseHandOver(): void;
  resumeHandOver(): void;
  close(): Promise<void>;
}

export const TENANT = 't';

export async function startOutSystem(): Promise<OutSystem> {
  const redis = await startRedis();
  const open: Redis[] = [];
  const connect = () => {
    const connection = new Redis(redis.url, { maxRetriesPerRequest: null });
    connection.on('error', () => {});
    open.push(connection);
    return connection;
  };
  const connection = connect();
  const client = createClient({ connection, flows: [trip, deliveryContract] });
  const sealer = createSealer(`k1:${randomBytes(32).toString('base64')}`);
  const endpoints = createWebhookEndpoints({ connection, sealer, log: silent });
  const deliveries = createDeliveries({ connection });
  const events = tenantEvents(connection);
  const subscribers: Subscriber[] = [];
  const stops: (() => Promise<void>)[] = [];
  const became: OutSystem['became'] = [];
  let submitted = 0;
  let handsOver = true;

  return {
    pauseHandOver: () => {
      handsOver = false;
    },
    resumeHandOver: () => {
      handsOver = true;
    },
    ...{ redis, connection, client, endpoints, deliveries, events, became },
    desk: createDeliveryDesk({ deliveries, events, client, eventsOfFlows: EVENTS }),

    startWorker({ retryScale = 0.001, timeoutMs, concurrency = 200 } = {}) {
      const own = connect();
      const guard = createEndpointGuard({ allow: readAllowList('127.0.0.1') });
      const ports = createDeliverer({
        ...{ deliveries: createDeliveries({ connection: own }), endpoints, guard, client, log: silent },
        onEndpoint: (event) => became.push(event),
        ...(timeoutMs !== undefined && { timeoutMs }),
      });
      const flows: Flow[] = [trip as Flow, deliveryFlow(ports, retryScale)];
      const worker: Worker = startWorker({
        ...{ connection: own, redisUrls: [redis.url], flows, log: silent, retryScale, concurrency },
      });
      const handing = startHandOver({
        ...{ events: tenantEvents(own), deliveries, endpoints, client, flows: [trip], eventsOfFlows: EVENTS },
        ...{ ready: () => handsOver && own.status === 'ready', log: silent },
      });
      const stop = async () => {
        await worker.close('100ms');
        await handing.close();
        await guard.agent.destroy();
      };
      stops.push(stop);
      return { stop };
    },

    async subscribe({ url }, ...names) {
      const made = await endpoints.create(ACTOR, TENANT, { url, events: names });
      if (made.outcome === 'key_reused') throw new Error('key reused');
      return made.value;
    },
    async subscriber() {
      const subscriber = await startSubscriber();
      subscribers.push(subscriber);
      return subscriber;
    },
    async setStatus({ id }, status) {
      await endpoints.change(ACTOR, TENANT, id, { status });
    },
    async submit(how, key = `key-${++submitted}`) {
      const request = { flow: 'trip', input: how, tenant: TENANT, idempotencyKey: key, fingerprint: key };
      const reply = await client.submit(request);
      if (reply.outcome === 'key_reused') throw new Error('key reused');
      return reply.run.id;
    },
    runWith: (runId, status) =>
      waitFor(
        async () => {
          const run = await client.getRun(TENANT, runId);
          return run?.status === status ? run : undefined;
        },
        { what: `${runId} to be ${status}` },
      ),
    deliveriesOf: async ({ id }) => (await deliveries.list(TENANT, id, { limit: 100 })).data,
    async close() {
      await Promise.all(stops.map((stop) => stop()));
      await Promise.all(subscribers.map((subscriber) => subscriber.close()));
      await client.close();
      for (const each of open) each.disconnect();
      await redis.stop();
    },
  };
}
