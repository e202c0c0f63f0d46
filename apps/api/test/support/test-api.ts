import http from 'node:http';
import { createLogger, type Logger } from '@holdfast/app-kit';
import { startRedis, type TestRedis, waitFor } from '@holdfast/testkit';
import type { Sources } from '@holdfast/webhooks';
import { type RunningApi, readApiConfig, startApi } from '../../src/index.ts';
import { conformanceTo, type OpenApi, type SeenAnswer } from './conformance.ts';
import { newKey } from './order.ts';
import { SHOP } from './shop.ts';

export const KEY = 'hf_test_0123456789abcdef';

export interface Answer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly text: string;
  /** The body as parsed JSON; undefined when it is none. */
  readonly json: Record<string, unknown>;
}

export interface Ask {
  readonly method?: string;
  readonly path: string;
  /** An array sends the header several times; undefined leaves it out. */
  readonly headers?: Readonly<Record<string, string | string[] | undefined>>;
  readonly body?: string | Buffer;
}

export interface TestApi {
  readonly url: string;
  readonly redis: TestRedis;
  /** Sends as it is; the key of the API is added unless the headers say otherwise. */
  ask(ask: Ask): Promise<Answer>;
  /** POSTs an order under a new Idempotency-Key, unless told otherwise. */
  order(body: unknown, headers?: Ask['headers'], path?: string): Promise<Answer>;
  /** Stops the API alone. */
  close(): Promise<void>;
  stop(): Promise<void>;
}

/** The production API on a free port with a Redis of its own. Every answer is held against /openapi.json. */
export async function startTestApi(
  redis?: TestRedis,
  more: Readonly<Record<string, string>> = {},
  log: Logger = createLogger('api', 'silent'),
  webhooks?: Sources,
): Promise<TestApi> {
  const ownRedis = redis ?? (await startRedis());
  const api: RunningApi = await startApi(
    readApiConfig(
      {
        HOLDFAST_API_PORT: '0',
        HOLDFAST_DRAIN_DELAY: '0s',
        HOLDFAST_REDIS_URL: ownRedis.url,
        HOLDFAST_DEV_KEY: KEY,
        HOLDFAST_LOG_LEVEL: 'silent',
        ...more,
      },
      webhooks,
    ),
    SHOP,
    log,
  );
  await waitFor(async () => (await send(api.url, { path: '/readyz' })).status === 200, { what: 'Redis' });
  const { json: document } = await send(api.url, { path: '/openapi.json' });
  const faultsOf = conformanceTo(document as unknown as OpenApi);
  const agent = new http.Agent({ keepAlive: true, maxSockets: 300 });

  const ask = async (what: Ask) => {
    const answer = await send(api.url, what, agent);
    const faults = faultsOf(asSeen(what, answer));
    if (faults.length > 0) throw new Error(`does not conform: ${faults.join('; ')}\n${answer.text}`);
    return answer;
  };
  const close = async () => {
    agent.destroy();
    await api.close();
  };
  return {
    url: api.url,
    redis: ownRedis,
    ask,
    order: (body, headers = {}, path = '/v1/orders') =>
      ask({
        method: 'POST',
        path,
        headers: { 'content-type': 'application/json', 'idempotency-key': newKey(), ...headers },
        body: typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body),
      }),
    close,
    stop: async () => {
      await close();
      await ownRedis.stop();
    },
  };
}

function asSeen(ask: Ask, answer: Answer): SeenAnswer {
  return {
    method: ask.method ?? 'GET',
    path: ask.path,
    status: answer.status,
    contentType: answer.headers['content-type'] ?? '',
    body: answer.json,
  };
}

/** One HTTP exchange over Node's own client, which sends what it is told. */
export function send(url: string, ask: Ask, agent?: http.Agent): Promise<Answer> {
  const headers: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries({ authorization: `Bearer ${KEY}`, ...ask.headers })) {
    if (value !== undefined) headers[name] = value;
  }
  return new Promise((resolve, reject) => {
    const request = http.request(
      `${url}${ask.path}`,
      { method: ask.method ?? 'GET', headers, ...(agent ? { agent } : {}) },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString();
          const isJson = /[/+]json/.test(response.headers['content-type'] ?? '');
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            text,
            json: isJson && text !== '' ? JSON.parse(text) : {},
          });
        });
      },
    );
    request.on('error', reject);
    request.end(ask.body);
  });
}
