import http from 'node:http';
import { connectRedis, createLogger } from '@holdfast/app-kit';
import { createClient, defineFlow, startWorker } from '@holdfast/engine';
import { type OrderInput, orderContract } from '@holdfast/flows';
import { startRedis, type TestRedis, waitFor } from '@holdfast/testkit';
import { readDashboardConfig, startDashboard } from '../../src/index.ts';

export const USER = 'ada';
export const PASSWORD = 'a long enough phrase';

export interface Answer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly text: string;
}

export interface Ask {
  readonly method?: string;
  readonly path: string;
  /** undefined leaves a header out. */
  readonly headers?: Readonly<Record<string, string | undefined>>;
  readonly body?: object;
}

export interface TestDashboard {
  readonly url: string;
  readonly redis: TestRedis;
  /** Logged in, unless the headers say otherwise. */
  ask(ask: Ask): Promise<Answer>;
  stop(): Promise<void>;
}

/** The production dashboard on a free port, with a Redis of its own. */
export async function startTestDashboard(): Promise<TestDashboard> {
  const redis = await startRedis();
  const dashboard = await startDashboard(
    readDashboardConfig({
      HOLDFAST_DASHBOARD_PORT: '0',
      HOLDFAST_REDIS_URL: redis.url,
      HOLDFAST_DASHBOARD_USER: USER,
      HOLDFAST_DASHBOARD_PASSWORD: PASSWORD,
    }),
    createLogger('dashboard', 'silent'),
  );
  await waitFor(async () => (await send(dashboard.url, { path: '/readyz' })).status === 200, {
    what: 'Redis',
  });
  return {
    url: dashboard.url,
    redis,
    ask: (ask) => send(dashboard.url, ask),
    stop: async () => {
      await dashboard.close();
      await redis.stop();
    },
  };
}

export function basic(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}

function send(url: string, { method = 'GET', path, headers = {}, body }: Ask): Promise<Answer> {
  const all = {
    authorization: basic(USER, PASSWORD),
    ...(body ? { 'content-type': 'application/json' } : {}),
    ...headers,
  };
  const given = Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return new Promise((resolve, reject) => {
    const request = http.request(
      `${url}${path}`,
      { method, headers: Object.fromEntries(given) },
      (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          text += chunk;
        });
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, headers: response.headers, text }),
        );
      },
    );
    request.on('error', reject);
    request.end(body ? JSON.stringify(body) : undefined);
  });
}

export interface OrderWorker {
  /** From now on the flow's only step succeeds; before, it throws what is no step error, and the run is dead. */
  mend(): void;
  submit(key: string): Promise<string>;
  statusOf(runId: string): Promise<string | undefined>;
  stop(): Promise<void>;
}

/** A real client and worker whose orders die at once until mended. */
export function startOrderWorker(redisUrl: string): OrderWorker {
  const log = createLogger('worker', 'silent');
  const connection = connectRedis([redisUrl], { for: 'worker' }, log);
  let mended = false;
  const flow = defineFlow({
    ...orderContract,
    async run(ctx, _order: OrderInput) {
      await ctx.step('charge', {
        whenInDoubt: 'repeat',
        run: async () => {
          if (!mended) throw new TypeError('the price is not a number');
        },
      });
      return { chargeId: 'pi_1', reservationId: 'res_1', trackingNumber: 'TRK1', messageId: '<m1>' };
    },
  });
  const client = createClient({ connection, flows: [orderContract] });
  const worker = startWorker({ connection, redisUrls: [redisUrl], flows: [flow], log });
  return {
    mend: () => {
      mended = true;
    },
    submit: async (key) => {
      const reply = await client.submit({
        flow: 'order',
        tenant: 'dev',
        idempotencyKey: key,
        fingerprint: key,
        input: ORDER,
      });
      return reply.outcome === 'key_reused' ? reply.runId : reply.run.id;
    },
    statusOf: async (runId) => (await client.getRun('dev', runId))?.status,
    stop: async () => {
      await worker.close('1s');
      await client.close();
      connection.disconnect();
    },
  };
}

const ORDER = {
  customer: { id: 'cus_1', email: 'ada@example.com', name: 'Ada' },
  items: [{ sku: 'TEE-M', quantity: 2, unitAmount: 1900 }],
  currency: 'usd',
  paymentMethod: 'pm_card_visa',
  shipTo: { name: 'Ada', line1: '1 Main St', city: 'Springfield', postalCode: '12345', country: 'US' },
};
