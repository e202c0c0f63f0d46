import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createClient } from '@holdfast/engine';
import { startRedis, type TestRedis, waitFor } from '@holdfast/testkit';
import { Redis } from 'ioredis';
import { Webhook } from 'standardwebhooks';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import {
  type AlertEvent,
  type AlertMessage,
  type Alerts,
  type AlertsOptions,
  createAlerts,
  createOperations,
} from '../src/index.ts';
import { quietLog } from './system.ts';

const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';

interface Received {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly message: AlertMessage;
}

let redis: TestRedis;
let connection: Redis;
let url: string;
/** What the receiver got, and what it answers: 200 when nothing else is left to answer; 'never' hangs. */
const received: Received[] = [];
const answers: (number | 'never')[] = [];
const running: Alerts[] = [];
const server = createServer(async (request, response) => {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const body = Buffer.concat(chunks).toString();
  received.push({ headers: request.headers, body, message: JSON.parse(body) });
  const answer = answers.shift() ?? 200;
  if (answer === 'never') return;
  response.statusCode = answer;
  response.setHeader('location', '/elsewhere');
  response.end('thank you');
});

beforeAll(async () => {
  redis = await startRedis();
  connection = new Redis(redis.url, { maxRetriesPerRequest: null });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`;
});
afterAll(async () => {
  server.closeAllConnections();
  server.close();
  connection.disconnect();
  await redis.stop();
});
beforeEach(async () => {
  await connection.flushall();
  received.length = 0;
  answers.length = 0;
});
afterEach(() => {
  for (const alerts of running.splice(0)) alerts.close();
});

function start(options: Partial<AlertsOptions> = {}): Alerts {
  const timing = { collectMs: 150, quietMs: 400, lookEveryMs: 10, retryFirstMs: 20, leaseMs: 300 };
  const alerts = createAlerts({
    connection,
    url,
    log: quietLog,
    ...options,
    timing: { ...timing, ...options.timing },
  });
  running.push(alerts);
  return alerts;
}

function death(n: number, code = 'shipping_down'): AlertEvent {
  const reason = 'exhausted';
  return { kind: 'dead_letter', runId: `run_${n}`, death: 1, flow: 'order', code, reason, step: 'ship' };
}

function messages(count: number): Promise<Received[]> {
  return waitFor(() => received.length >= count && received, { what: `${count} messages` });
}

test('400 deaths, each told by two of three workers, are one signed message; what follows is the next', async () => {
  const dashboardUrl = 'https://holdfast.example';
  // long enough for a busy machine to tell all 400
  const timing = { collectMs: 1_500, quietMs: 1_500 };
  const workers = Array.from({ length: 3 }, () => start({ secret: SECRET, dashboardUrl, timing }));
  const raise = (n: number, code?: string) => [0, 1].map((k) => workers[(n + k) % 3]?.raise(death(n, code)));
  await Promise.all(Array.from({ length: 398 }, (_, n) => raise(n)).flat());
  await Promise.all([398, 399].flatMap((n) => raise(n, 'label_refused')));
  const [first] = await messages(1);
  expect(first?.message).toEqual({
    text: expect.any(String),
    ...{ type: 'alert.dead_letter', timestamp: expect.stringMatching(/^\d{4}-.*Z$/) },
    data: {
      ...{ kind: 'dead_letter', count: 400 },
      groups: [
        {
          flow: 'order',
          code: 'shipping_down',
          reason: 'exhausted',
          step: 'ship',
          count: 398,
          example: 'run_0',
        },
        {
          flow: 'order',
          code: 'label_refused',
          reason: 'exhausted',
          step: 'ship',
          count: 2,
          example: 'run_398',
        },
      ],
    },
  });
  expect(first?.message.text.replace(/\d\d:\d\d:\d\d/, '03:12:00').split('\n')).toEqual([
    'Holdfast: 400 runs have died since 03:12:00 UTC',
    '• order: 398 × shipping_down (exhausted) at step ship, such as run_0',
    '• order: 2 × label_refused (exhausted) at step ship, such as run_398',
    'A person has to decide: redrive them once the cause is fixed.',
    dashboardUrl,
  ]);
  expect(new Webhook(SECRET).verify(first?.body ?? '', first?.headers as Record<string, string>)).toEqual(
    first?.message,
  );
  expect(first?.headers['webhook-id']).toMatch(/^alert_dead_letter_\d+$/);

  const sentAt = performance.now();
  await Promise.all([400, 401, 5].flatMap((n) => raise(n)));
  const [, second] = await messages(2);
  expect(performance.now() - sentAt).toBeGreaterThan(200);
  expect(second?.message.data.count).toBe(2);
  expect(second?.headers['webhook-id']).not.toBe(first?.headers['webhook-id']);
  expect(received).toHaveLength(2);
});

test('each kind is told for itself, and unsigned without a secret', async () => {
  const alerts = start({ timing: { collectMs: 20 } });
  await alerts.raise({ kind: 'breaker_opened', provider: 'payment', id: 'a' });
  await alerts.raise({ kind: 'credentials_refused', provider: 'shipping', code: 'credentials_refused' });
  await alerts.raise({ kind: 'credentials_refused', provider: 'shipping', code: 'credentials_refused' });
  await alerts.raise({ kind: 'redis_rollback' });
  await alerts.raise({ kind: 'redis_rollback' });
  await alerts.raise({ ...death(1, '<!channel> & so on'), kind: 'dead_letter' } as AlertEvent);
  await messages(4);
  const texts = received.map(({ message }) => message.text.replace(/ [\d:]{8} UTC/, '…')).sort();
  expect(texts).toEqual([
    expect.stringMatching(/^Holdfast: 1 run has died, since…\n• order: 1 × &lt;!channel&gt; &amp; so on /),
    expect.stringMatching(/^Holdfast: Redis has lost writes that it had taken/),
    expect.stringMatching(/^Holdfast: payment is down, since…\n/),
    expect.stringMatching(
      /^Holdfast: shipping refuses our credentials, since…\n• shipping: credentials_refused\n/,
    ),
  ]);
  expect(received.every(({ message }) => message.data.count === 1)).toBe(true);
  expect(received[0]?.headers).not.toHaveProperty('webhook-signature');
});

test('a lockout at the dashboard is told by a worker, with who and from where', async () => {
  start();
  const client = createClient({ connection, flows: [] });
  const operations = createOperations({ client, connection, log: quietLog });
  await operations.noteSecurity({ name: 'ada', via: 'dashboard' }, 'log_in', { address: '203.0.113.1' });
  await operations.noteSecurity({ name: 'ada', via: 'dashboard' }, 'lock_out', { address: '203.0.113.1' });
  // whoever notes it gives the others five seconds
  await waitFor(() => received.length === 1, { what: 'the alert', timeoutMs: 15_000 });
  expect(received[0]?.message).toMatchObject({
    type: 'alert.locked_out',
    data: { count: 1, groups: [{ user: 'ada', count: 1, example: '203.0.113.1' }] },
  });
  expect(received[0]?.message.text).toContain('a dashboard login was locked out after wrong passwords');
  await client.close();
});

test('a receiver that fails gets the same message again, later and later; what comes meanwhile is the next one', async () => {
  answers.push(500, 302, 429);
  const alerts = start({ secret: SECRET });
  await alerts.raise(death(1));
  await messages(1);
  await alerts.raise(death(2));
  await messages(5);
  const [tries, next] = [received.slice(0, 4), received.slice(4)];
  expect(new Set(tries.map(({ body }) => body)).size).toBe(1);
  expect(new Set(tries.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
  expect(next).toHaveLength(1);
  expect(next[0]?.message.data).toMatchObject({ count: 1, groups: [{ example: 'run_2' }] });
});

test('one that fails for good is given up, loudly, and the next alert is not held up by it', async () => {
  answers.push(500, 500, 500);
  const errors: string[] = [];
  const log = { ...quietLog, error: (_facts: object, message: string) => errors.push(message) };
  const alerts = start({ log, tries: 3 });
  await alerts.raise(death(1));
  await waitFor(() => errors.length === 1, { what: 'the alert to be given up' });
  expect(errors[0]).toContain('HOLDFAST_ALERT_URL');
  expect(received).toHaveLength(3);
  await alerts.raise(death(2));
  const [, , , next] = await messages(4);
  expect(next?.message.data.groups).toMatchObject([{ example: 'run_2' }]);
});

test('an alert whose worker dies while it sends is sent by another one', async () => {
  answers.push('never');
  const dying = start();
  await dying.raise(death(1));
  await messages(1);
  dying.close();
  start();
  const [first, again] = await messages(2);
  expect(again?.body).toBe(first?.body);
});

test('what was counted and not sent is sent by whoever comes next, though Redis was killed in between', async () => {
  const gone = start({ timing: { lookEveryMs: 60_000 } });
  await gone.raise(death(1));
  gone.close();
  await redis.kill('SIGKILL');
  await redis.start();
  start();
  const [message] = await messages(1);
  expect(message?.message.data.count).toBe(1);
});

test('however many reasons there are, none is left out of the count', async () => {
  const alerts = start();
  await Promise.all(Array.from({ length: 70 }, (_, n) => alerts.raise(death(n, `code_${n}`))));
  const [message] = await messages(1);
  expect(message?.message.data.count).toBe(70);
  expect(message?.message.data.groups).toHaveLength(51);
  expect(message?.message.text).toContain('• and 41 other reasons');
  expect(message?.message.data.groups[0]).toEqual({ count: 20 });
  expect(message?.message.text).toContain('• 20 for other reasons');
});
