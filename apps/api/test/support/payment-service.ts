import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLogger } from '@holdfast/app-kit';
import { type Effect, providersEnv, startSandbox } from '@holdfast/sandbox';
import { shop } from '@holdfast/shop';
import { waitFor } from '@holdfast/testkit';
import { type RunningWorker, readWorkerConfig, startWorkerApp } from '@holdfast/worker';
import { shopEvents } from '../../src/index.ts';
import { type Answer, type Ask, startTestApi, type TestApi } from './test-api.ts';

/** A payment that succeeds, to change one thing at a time. */
export const PAYMENT = {
  amount: 1000,
  currency: 'usd',
  customerId: 'cus_1',
  paymentMethod: 'pm_card_visa',
  description: 'Two T-shirts',
};

export interface PaymentService {
  readonly api: TestApi;
  startWorker(): Promise<void>;
  stopWorker(): Promise<void>;
  /** POSTs without a body, as an operator does. */
  operate(path: string): Promise<Answer>;
  pay(body?: object, headers?: Ask['headers']): Promise<Answer>;
  /** The id of a new payment that is completed. */
  paid(amount?: number): Promise<string>;
  refund(paymentId: string, body: object, headers?: Ask['headers']): Promise<Answer>;
  /** The payment as it stands. */
  payment(id: string): Promise<Answer['json']>;
  runWith(id: string, ...status: readonly string[]): Promise<Answer['json']>;
  /** What happened at the payment provider to one payment, oldest first. */
  effects(of: { readonly chargeId: unknown } | { readonly run: unknown }): Promise<Effect[]>;
  /** Breaks the payment provider's next answers. */
  fault(fault: object): Promise<void>;
  /** The faults that nothing has run into yet. */
  faults(): Promise<unknown>;
  noFaults(): Promise<void>;
  stop(): Promise<void>;
}

/** What the sandbox signs with. */
export const WEBHOOK_SECRET = 'whsec_of_the_test';

/**
 * The production API and worker with a Redis and a sandbox of their own; the worker is started when it is asked for.
 * @param options.told whether the sandbox sends webhooks
 * @param options.more variables of both
 */
export async function startPaymentService({
  told = false,
  more = {},
}: {
  told?: boolean;
  more?: Readonly<Record<string, string>>;
} = {}): Promise<PaymentService> {
  const dataDir = await mkdtemp(join(tmpdir(), 'holdfast-payments-'));
  const { flows, providers, webhooks } = shop();
  const env = { HOLDFAST_WEBHOOK_STRIPE: `stripe:${WEBHOOK_SECRET}`, ...more };
  const api = await startTestApi(undefined, env, undefined, webhooks);
  const webhook = { url: `${api.url}/v1/webhooks/stripe`, secret: WEBHOOK_SECRET };
  const sandbox = await startSandbox({ port: 0, smtpPort: 0, dataDir, ...(told && { webhook }) });
  const config = readWorkerConfig(providers, {
    HOLDFAST_REDIS_URL: api.redis.url,
    HOLDFAST_RETRY_SCALE: '0.01',
    ...more,
    ...providersEnv(sandbox),
  });
  let worker: RunningWorker | undefined;

  const control = async (method: string, path: string, body?: object): Promise<unknown> => {
    const response = await fetch(`${sandbox.url}/_control${path}`, {
      method,
      ...(body ? { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } } : {}),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text === '' ? undefined : JSON.parse(text);
  };
  const runWith: PaymentService['runWith'] = (id, ...status) =>
    waitFor(
      async () => {
        const { json } = await api.ask({ path: `/v1/runs/${id}` });
        return status.includes(String(json.status)) && json;
      },
      // the breaker keeps a failing provider's last attempts apart
      { what: `run ${id} to be ${status.join(' or ')}`, timeoutMs: 25_000 },
    );
  const pay: PaymentService['pay'] = (body = PAYMENT, headers = {}) =>
    api.order(body, headers, '/v1/payments');

  return {
    api,
    startWorker: async () => {
      worker = await startWorkerApp(config, flows, createLogger('worker', 'silent'), {
        ...{ webhooks, events: shopEvents },
      });
      await worker.takesRuns;
    },
    stopWorker: async () => {
      await worker?.close();
      worker = undefined;
    },
    operate: (path) => api.ask({ method: 'POST', path }),
    pay,
    paid: async (amount = PAYMENT.amount) => {
      const { json } = await pay({ ...PAYMENT, amount }, { prefer: 'wait=20' });
      if (json.status !== 'completed') throw new Error(`the payment is ${json.status}`);
      return String(json.id);
    },
    refund: (paymentId, body, headers = {}) => api.order(body, headers, `/v1/payments/${paymentId}/refunds`),
    payment: async (id) => (await api.ask({ path: `/v1/payments/${id}` })).json,
    runWith,
    effects: async (of) => {
      const all = (await control('GET', '/ledger')) as Effect[];
      return all.filter((effect) =>
        'run' in of ? effect.run === of.run : [effect.id, effect.paymentIntent].includes(String(of.chargeId)),
      );
    },
    fault: async (fault) => {
      await control('POST', '/faults', { provider: 'payment', ...fault });
    },
    faults: () => control('GET', '/faults'),
    noFaults: async () => {
      await control('DELETE', '/faults');
    },
    stop: async () => {
      await worker?.close();
      await api.stop();
      await sandbox.close();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}
