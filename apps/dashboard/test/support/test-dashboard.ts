import http from 'node:http';
import { connectRedis, createLogger, type Logger } from '@holdfast/app-kit';
import { createClient, defineFlow, InDoubtError, startWorker } from '@holdfast/engine';
import { ALL_CONTRACTS, type OrderInput, orderContract } from '@holdfast/flows';
import { startRedis, type TestRedis, waitFor } from '@holdfast/testkit';
import { readDashboardConfig, startDashboard } from '../../src/index.ts';

export const USER = 'ada';
export const PASSWORD = 'a long enough phrase';
export const VIEWER = { user: 'ben', password: 'another long phrase' };

export interface Answer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly text: string;
}

export interface Ask {
  readonly method?: string;
  readonly path: string;
  /** A loopback address of one's own: wrong logins count by address. */
  readonly from?: string | undefined;
  /** undefined leaves a header out. */
  readonly headers?: Readonly<Record<string, string | undefined>>;
  readonly body?: object;
  /** As a browser sends it. */
  readonly form?: Readonly<Record<string, string>>;
}

export interface TestDashboard {
  readonly url: string;
  readonly redis: TestRedis;
  /** Logged in, unless the headers say otherwise. */
  ask(ask: Ask): Promise<Answer>;
  /** The same through a proxy in front of it. */
  askAt(url: string, ask: Ask): Promise<Answer>;
  stop(): Promise<void>;
}

/** The production dashboard on a free port, with a Redis of its own. */
export async function startTestDashboard(
  more: Readonly<Record<string, string>> = {},
  log: Logger = createLogger('dashboard', 'silent'),
): Promise<TestDashboard> {
  const redis = await startRedis();
  const dashboard = await startDashboard(
    readDashboardConfig({
      HOLDFAST_DASHBOARD_PORT: '0',
      HOLDFAST_REDIS_URL: redis.url,
      HOLDFAST_DASHBOARD_USER: USER,
      HOLDFAST_DASHBOARD_PASSWORD: PASSWORD,
      HOLDFAST_DASHBOARD_VIEWER_USER: VIEWER.user,
      HOLDFAST_DASHBOARD_VIEWER_PASSWORD: VIEWER.password,
      ...more,
    }),
    { flows: ALL_CONTRACTS },
    log,
  );
  await waitFor(async () => (await send(dashboard.url, { path: '/readyz' })).status === 200, {
    what: 'Redis',
  });
  return {
    url: dashboard.url,
    redis,
    ask: (ask) => send(dashboard.url, ask),
    askAt: send,
    stop: async () => {
      await dashboard.close();
      await redis.stop();
    },
  };
}

export function basic(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}

function send(
  url: string,
  { path, from, headers = {}, body, form, method = form ? 'POST' : 'GET' }: Ask,
): Promise<Answer> {
  const all = {
    authorization: basic(USER, PASSWORD),
    ...(body ? { 'content-type': 'application/json' } : {}),
    ...(form ? { 'content-type': 'application/x-www-form-urlencoded' } : {}),
    ...headers,
  };
  const given = Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return new Promise((resolve, reject) => {
    const request = http.request(
      `${url}${path}`,
      { method, headers: Object.fromEntries(given), localAddress: from },
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
    request.end(body ? JSON.stringify(body) : form && new URLSearchParams(form).toString());
  });
}

export interface OrderWorker {
  /** From now on the flow's first step succeeds; before, it throws what is no step error, and the run is dead. */
  mend(): void;
  submit(
    key: string,
    order?: Partial<OrderInput>,
    tenant?: string,
    tags?: Readonly<Record<string, string>>,
  ): Promise<string>;
  statusOf(runId: string): Promise<string | undefined>;
  /** How often each run was charged. */
  readonly charges: ReadonlyMap<string, number>;
  stop(): Promise<void>;
}

/** Of an order that pays so, nobody ever knows whether it was shipped. */
export const IN_DOUBT = { paymentMethod: 'pm_in_doubt' };

/** A real client and worker whose orders die at once until mended. */
export function startOrderWorker(redisUrl: string): OrderWorker {
  const log = createLogger('worker', 'silent');
  const connection = connectRedis({ urls: [redisUrl] }, { for: 'worker' }, log);
  const charges = new Map<string, number>();
  let mended = false;
  const flow = defineFlow({
    ...orderContract,
    async run(ctx, order: OrderInput) {
      await ctx.step('charge', {
        whenInDoubt: 'repeat',
        run: async () => {
          if (!mended) throw new TypeError('the price is not a number');
          charges.set(ctx.runId, (charges.get(ctx.runId) ?? 0) + 1);
        },
        undo: async () => {},
      });
      const output = { chargeId: 'pi_1', reservationId: 'res_1', trackingNumber: 'TRK1', messageId: '<m1>' };
      if (order.paymentMethod !== IN_DOUBT.paymentMethod) return output;
      const { trackingNumber } = await ctx.step('ship', {
        whenInDoubt: 'halt',
        run: async (): Promise<{ trackingNumber: string }> => {
          throw new InDoubtError({ code: 'timeout', message: 'shipping did not answer' });
        },
      });
      return { ...output, trackingNumber };
    },
  });
  const client = createClient({ connection, flows: [orderContract] });
  const worker = startWorker({ connection, redisUrls: [redisUrl], flows: [flow], log });
  return {
    charges,
    mend: () => {
      mended = true;
    },
    submit: async (key, order, tenant = 'dev', tags = {}) => {
      const reply = await client.submit({
        flow: 'order',
        tenant,
        idempotencyKey: key,
        fingerprint: key,
        tags,
        input: { ...ORDER, ...order },
      });
      return reply.outcome === 'key_reused' ? reply.runId : reply.run.id;
    },
    statusOf: async (runId) => (await client.findRun(runId))?.status,
    stop: async () => {
      await worker.close('1s');
      await client.close();
      connection.disconnect();
    },
  };
}

const ORDER = {
  customer: { id: 'cus_1', email: 'ada@example.com', name: 'Ada Canary' },
  items: [{ sku: 'TEE-M', quantity: 2, unitAmount: 1900 }],
  currency: 'usd',
  paymentMethod: 'pm_card_visa',
  shipTo: { name: 'Ada Canary', line1: '1 Main St', city: 'Springfield', postalCode: '12345', country: 'US' },
};
