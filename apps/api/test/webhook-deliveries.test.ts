import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { waitFor } from '@holdfast/testkit';
import { Webhook } from 'standardwebhooks';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { PAYMENT, type PaymentService, startPaymentService } from './support/payment-service.ts';
import type { Answer } from './support/test-api.ts';

const PATH = '/v1/webhook-endpoints';

interface Received {
  readonly id: string;
  readonly headers: Record<string, string>;
  readonly raw: string;
  readonly body: { readonly type: string; readonly data: Readonly<Record<string, Record<string, unknown>>> };
}

let service: PaymentService;
let server: Server;
let url: string;
let received: Received[] = [];
let status = 204;
beforeAll(async () => {
  service = await startPaymentService({
    more: {
      HOLDFAST_ENCRYPTION_KEYS: `k1:${randomBytes(32).toString('base64')}`,
      HOLDFAST_WEBHOOK_ALLOW: '127.0.0.0/8',
    },
  });
  await service.startWorker();
  server = createServer(async (request, response) => {
    const raw = await text(request);
    const headers = request.headers as Record<string, string>;
    received.push({ id: headers['webhook-id'] ?? '', headers, raw, body: JSON.parse(raw) });
    response.writeHead(status).end('bad: sk_live_0123456789abcdef');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/in`;
});
afterAll(async () => {
  await service.stop();
  server.closeAllConnections();
  server.close();
});
beforeEach(() => {
  received = [];
  status = 204;
});

function send(
  method: string,
  path: string,
  body?: object,
  headers: Record<string, string> = {},
): Promise<Answer> {
  return service.api.ask({
    ...{ method, path: `${PATH}${path}` },
    headers: { ...(body && { 'content-type': 'application/json' }), ...headers },
    ...(body && { body: JSON.stringify(body) }),
  });
}
const outcome = ({ status: code, json }: Answer) => ({ status: code, code: json.code });

async function subscribe(...events: string[]): Promise<{ id: string; secret: string }> {
  const { json } = await send('POST', '', { url, events });
  return { id: String(json.id), secret: String(json.secret) };
}
const unsubscribe = ({ id }: { id: string }) => send('DELETE', `/${id}`);

function deliveries(id: string, query = ''): Promise<Record<string, unknown>[]> {
  return send('GET', `/${id}/deliveries${query}`).then(({ json }) => json.data as Record<string, unknown>[]);
}
const until = (what: string, is: () => boolean | Promise<boolean>) => waitFor(is, { what });

test('payments raise events with the payment as the API shows it, and each run its own', async () => {
  const endpoint = await subscribe('payment.*', 'run.completed');
  const id = await service.paid(1_000);
  await until('two events', () => received.length === 2);
  const of = (type: string) => received.find(({ body }) => body.type === type);
  expect(of('payment.completed')?.body.data.payment).toEqual(await service.payment(id));
  const run = (await service.api.ask({ path: `/v1/runs/${id}` })).json;
  expect(of('run.completed')?.body.data).toEqual({ run });
  expect(of('payment.completed')?.body.data.run).toEqual(run);
  for (const { raw, headers } of received)
    expect(new Webhook(endpoint.secret).verify(raw, headers)).toMatchObject({ data: { run: { id } } });

  await service.refund(id, { amount: 400, reason: 'broken' });
  await until('the refund', () => received.length === 4);
  expect(of('payment.refunded')?.body.data).toMatchObject({
    payment: { id, status: 'partially_refunded', refundedAmount: 400 },
    run: { flow: 'refund', status: 'completed' },
  });

  await service.pay({ ...PAYMENT, paymentMethod: 'pm_card_chargeDeclined' }, { prefer: 'wait=20' });
  await until('the decline', () => received.length === 5);
  expect(of('payment.failed')?.body.data.payment).toMatchObject({ status: 'failed' });
  await unsubscribe(endpoint);
});

test('deliveries are listed with what came of them, redacted', async () => {
  status = 400;
  const endpoint = await subscribe('run.completed');
  const id = await service.paid();
  await until('a try', async () => Number((await deliveries(endpoint.id))[0]?.attempts) > 0);
  const [delivery] = await deliveries(endpoint.id);
  expect(delivery).toMatchObject({
    ...{ event: 'run.completed', runId: id, status: 'pending', lastStatus: 400 },
    ...{ lastError: 'The endpoint answered 400.', responseExcerpt: 'bad: [redacted]' },
    ...{ id: received[0]?.id, latencyMs: expect.any(Number), createdAt: expect.any(String) },
  });
  expect(await deliveries(endpoint.id, '?status=delivered')).toEqual([]);
  status = 200;
  const retried = await send('POST', `/${endpoint.id}/deliveries/${delivery?.id}/retry`);
  expect({ status: retried.status, json: retried.json }).toEqual({ status: 202, json: { id: delivery?.id } });
  await until(
    'it to be taken',
    async () => (await deliveries(endpoint.id, '?status=delivered')).length === 1,
  );
  expect(new Set(received.map((one) => one.id)).size).toBe(1);
  await unsubscribe(endpoint);
});

test('a test is sent and listed; the same key sends one', async () => {
  const endpoint = await subscribe('run.dead');
  const key = { 'idempotency-key': 'test-1' };
  const first = await send('POST', `/${endpoint.id}/test`, undefined, key);
  expect(first.status).toBe(202);
  expect((await send('POST', `/${endpoint.id}/test`, undefined, key)).json).toEqual(first.json);
  await until('it', async () => (await deliveries(endpoint.id))[0]?.status === 'delivered');
  expect(await deliveries(endpoint.id)).toMatchObject([{ id: first.json.id, event: 'webhook.test' }]);
  expect(received.map(({ body }) => body.type)).toEqual(['webhook.test']);
  await unsubscribe(endpoint);
});

test('a replay counts and sends what fits', async () => {
  const since = new Date().toISOString();
  await service.paid();
  const until_ = new Date(Date.now() + 1_000).toISOString();
  const endpoint = await subscribe('payment.completed', 'run.completed');
  const body = { since, until: until_ };
  const one = await send('POST', `/${endpoint.id}/replay`, { ...body, events: ['payment.*'] });
  expect({ status: one.status, json: one.json }).toEqual({ status: 202, json: { count: 1 } });
  expect((await send('POST', `/${endpoint.id}/replay`, body)).json).toEqual({ count: 2 });
  await until('them', async () => (await deliveries(endpoint.id, '?status=delivered')).length === 2);
  expect(new Set(received.map(({ body: { type } }) => type))).toEqual(
    new Set(['payment.completed', 'run.completed']),
  );
  const wrong = await send('POST', `/${endpoint.id}/replay`, { since: until_, until: since });
  expect(outcome(wrong)).toEqual({ status: 422, code: 'validation_failed' });
  await unsubscribe(endpoint);
});

describe('what is not there', () => {
  test('an endpoint, a delivery, a cursor', async () => {
    const none = { status: 404, code: 'webhook_endpoint_not_found' };
    expect(outcome(await send('GET', '/whe_1/deliveries'))).toEqual(none);
    expect(outcome(await send('POST', '/whe_1/test'))).toEqual(none);
    const endpoint = await subscribe('run.dead');
    const noDelivery = { status: 404, code: 'webhook_delivery_not_found' };
    const retry = `/${endpoint.id}/deliveries/msg_${'0'.repeat(32)}/retry`;
    expect(outcome(await send('POST', retry))).toEqual(noDelivery);
    const cursor = { status: 400, code: 'cursor_invalid' };
    expect(outcome(await send('GET', `/${endpoint.id}/deliveries?cursor=x`))).toEqual(cursor);
    await unsubscribe(endpoint);
  });

  test('a submission of the flow that delivers', async () => {
    const answer = await service.api.order({}, {}, '/v1/flows/webhook-delivery/runs');
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(answer.status).toBeLessThan(500);
  });
});
