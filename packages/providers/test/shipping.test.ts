import { describe, expect, it } from 'vitest';
import { shipping } from '../src/shipping.ts';
import { closing, stepCall, stepError } from './calls.ts';
import { type Answer, json, provider, reset } from './provider-server.ts';

const TO = { name: 'Ada', line1: '1 Main St', city: 'Springfield', postalCode: '12345', country: 'US' };
const ORDER = { to: TO, items: [{ quantity: 2, sku: 'TEE-M' }] };
const REFERENCE = 'run_7f.1.ship';
const LABEL = { id: 'lbl_1', trackingNumber: '1Z1', labelUrl: 'https://ship.example/lbl_1' };
const FOUND = { labelId: 'lbl_1', trackingNumber: '1Z1', labelUrl: 'https://ship.example/lbl_1' };

/** Gives out a token first, then answers as told. */
async function carrier(...answers: Answer[]) {
  const token = json(200, { access_token: 'tok_1', token_type: 'bearer', expires_in: 60 });
  const { url, received } = await provider(token, ...answers);
  const adapter = closing(shipping({ url: `${url}/`, clientId: 'shop', clientSecret: 'canary-secret' }));
  return { received, carrier: adapter };
}

describe('a label', () => {
  it('is bought with a token, under our reference', async () => {
    const { carrier: adapter, received } = await carrier(json(201, LABEL));
    expect(await adapter.buyLabel(ORDER, stepCall('ship'))).toEqual(FOUND);
    expect(received.map(({ line }) => line)).toEqual(['POST /prefix/oauth/token', 'POST /prefix/labels']);
    expect(received[1]).toMatchObject({
      headers: { authorization: 'Bearer tok_1', 'idempotency-key': 'run_7f:1:ship' },
      body: `{"reference":"${REFERENCE}","to":{"name":"Ada","line1":"1 Main St","city":"Springfield","postalCode":"12345","country":"US"},"items":[{"sku":"TEE-M","quantity":2}]}`,
    });
  });

  it.each<[string, Answer, object]>([
    [
      'an address that is none',
      json(422, { code: 'invalid_address', message: 'No such street.' }),
      { kind: 'rejected', code: 'invalid_address' },
    ],
    ['a lost reply', reset(), { kind: 'in_doubt', code: 'connection_reset' }],
    ['a 504', json(504, {}), { kind: 'in_doubt', code: 'http_504' }],
    [
      'a label without a number',
      json(201, { id: 'lbl_1' }),
      { kind: 'in_doubt', code: 'response_unexpected' },
    ],
    ['too many requests', json(429, {}, { 'retry-after': '2' }), { kind: 'throttled', retryAfter: 2000 }],
  ])('that meets %s', async (_what, answer, expected) => {
    const { carrier: adapter } = await carrier(answer);
    expect(await stepError(adapter.buyLabel(ORDER, stepCall('ship')))).toMatchObject(expected);
  });

  it('without a token is not bought', async () => {
    const { url, received } = await provider(json(401, { error: 'invalid_client' }));
    const adapter = closing(shipping({ url, clientId: 'shop', clientSecret: 'canary-secret' }));
    const error = await stepError(adapter.buyLabel(ORDER, stepCall('ship')));
    expect(error).toMatchObject({ kind: 'misconfigured', code: 'token_refused' });
    expect(JSON.stringify([error.message, error.details])).not.toContain('canary');
    expect(received.map(({ line }) => line)).toEqual(['POST /prefix/oauth/token']);
  });
});

describe('looking a label up', () => {
  const none = { outcome: 'none' };
  const found = { outcome: 'found', result: FOUND };
  const second = { ...LABEL, id: 'lbl_2' };
  it.each<[string, unknown[], unknown]>([
    ['none', [], none],
    ['one', [LABEL], found],
    ['one that says its reference', [{ ...LABEL, reference: REFERENCE, status: 'purchased' }], found],
    ['one that was voided', [{ ...LABEL, status: 'voided' }], none],
    ['one of somebody else', [{ ...LABEL, reference: 'run_8.1.ship' }], none],
    ['one beside a voided one', [{ ...second, status: 'voided' }, LABEL], found],
    [
      'two: a person has to choose',
      [LABEL, second],
      { outcome: 'unknown', reason: expect.stringMatching(/lbl_1, lbl_2/) },
    ],
  ])('%s', async (_what, labels, expected) => {
    const { carrier: adapter, received } = await carrier(json(200, { labels }));
    expect(await adapter.findLabel(stepCall('ship'))).toEqual(expected);
    expect(received[1]?.line).toBe(`GET /prefix/labels?reference=${REFERENCE}`);
  });

  it.each<[string, Answer, object]>([
    ['down', json(503, {}), { kind: 'unavailable', code: 'http_503' }],
    ['busy', json(429, {}, { 'retry-after': '2' }), { kind: 'throttled', retryAfter: 2000 }],
    ['cut off', reset(), { kind: 'unavailable', code: 'connection_reset' }],
    ['without the list', json(200, {}), { kind: 'unavailable', code: 'response_unexpected' }],
  ])('is no "none" when the provider is %s', async (_what, answer, expected) => {
    const { carrier: adapter } = await carrier(answer);
    expect(await stepError(adapter.findLabel(stepCall('ship')))).toMatchObject(expected);
  });
});

it('voids a label', async () => {
  const { carrier: adapter, received } = await carrier(json(200, { id: 'lbl_1', status: 'voided' }));
  await adapter.voidLabel({ labelId: 'lbl_1' }, stepCall('ship', { idempotencyKey: 'run_7f:1:ship:undo' }));
  expect(received[1]).toMatchObject({
    line: 'POST /prefix/labels/lbl_1/void',
    headers: { 'idempotency-key': 'run_7f:1:ship:undo' },
  });
});

it('a label that is not voided is an error', async () => {
  const { carrier: adapter } = await carrier(json(404, { code: 'label_not_found' }));
  const voided = adapter.voidLabel({ labelId: 'lbl_1' }, stepCall('ship'));
  expect(await stepError(voided)).toMatchObject({ kind: 'rejected', code: 'label_not_found' });
});
