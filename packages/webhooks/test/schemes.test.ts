import { createHmac, randomBytes } from 'node:crypto';
import { sign as signLikeGitHub } from '@octokit/webhooks-methods';
import { Webhook as StandardWebhook } from 'standardwebhooks';
import Stripe from 'stripe';
import { Webhook as SvixWebhook } from 'svix';
import { describe, expect, test } from 'vitest';
import { type Delivery, faultOf, identify, type Scheme } from '../src/index.ts';

const now = Date.parse('2026-03-02T03:12:00Z');
const seconds = now / 1_000;
const BODY = '{"id":"evt_1","type":"payment.settled","data":{"amount":1}}';
const STANDARD = `whsec_${randomBytes(24).toString('base64')}`;

const delivery = (headers: Record<string, string>, body: string | Uint8Array = BODY): Delivery => ({
  headers,
  body: typeof body === 'string' ? Buffer.from(body) : body,
});
const hex = (secret: string, text: string) => createHmac('sha256', secret).update(text).digest('hex');

/** What each sender's own package signs, at a time. */
const senders: Record<
  Scheme,
  (secret: string, at: number, body?: string) => Promise<Record<string, string>>
> = {
  stripe: async (secret, at, payload = BODY) => ({
    'stripe-signature': new Stripe('sk_test_1').webhooks.generateTestHeaderString({
      payload,
      secret,
      timestamp: at,
    }),
  }),
  standard: async (secret, at, body = BODY) => ({
    'webhook-id': 'msg_1',
    'webhook-timestamp': String(at),
    'webhook-signature': new StandardWebhook(secret).sign('msg_1', new Date(at * 1_000), body),
  }),
  github: async (secret, _at, body = BODY) => ({
    'x-github-delivery': 'd-1',
    'x-github-event': 'push',
    'x-hub-signature-256': await signLikeGitHub(secret, body),
  }),
  generic: async (secret, at, body = BODY) => ({
    'x-webhook-id': 'g-1',
    'x-webhook-timestamp': String(at),
    'x-webhook-signature': hex(secret, body),
  }),
};
const secretOf: Record<Scheme, string> = {
  stripe: 'whsec_not_base64!',
  standard: STANDARD,
  github: 'gh',
  generic: 'gen',
};
const schemes = Object.keys(senders) as Scheme[];
const timed = schemes.filter((scheme) => scheme !== 'github');

describe.each(schemes)('%s', (scheme) => {
  const secret = secretOf[scheme];
  const other = scheme === 'standard' ? `whsec_${randomBytes(24).toString('base64')}` : 'another';
  const signed = (at = seconds, body?: string) => senders[scheme](secret, at, body);

  test('verifies what the package of the sender signs, with any of several secrets', async () => {
    expect(faultOf(scheme, [other, secret], delivery(await signed()), now)).toBeUndefined();
  });

  test('refuses another secret, no signature, and a body changed by one byte', async () => {
    const headers = await signed();
    expect(faultOf(scheme, [other], delivery(headers), now)).toBe('no signature fits');
    expect(faultOf(scheme, [secret], delivery({}), now)).toMatch(/^no usable/);
    expect(faultOf(scheme, [secret], delivery(headers, BODY.replace('1}', '2}')), now)).toBe(
      'no signature fits',
    );
  });

  test('refuses a signature header of 10 KB without working on it', async () => {
    const headers = await signed();
    const [name = ''] = Object.keys(headers).filter((each) => each.includes('signature'));
    const long = { ...headers, [name]: `${headers[name]}${' '.repeat(10_240)}` };
    expect(faultOf(scheme, [secret], delivery(long), now)).toMatch(/^no usable/);
  });
});

test.each(timed)('%s takes five minutes either way, and whole seconds alone', async (scheme) => {
  const secret = secretOf[scheme];
  const verify = async (at: number) =>
    faultOf(scheme, [secret], delivery(await senders[scheme](secret, at)), now);
  expect(await verify(seconds - 300)).toBeUndefined();
  expect(await verify(seconds + 300)).toBeUndefined();
  expect(await verify(seconds - 301)).toMatch(/more than 5 minutes ago/);
  expect(await verify(seconds + 301)).toMatch(/in the future/);
  const headers = await senders[scheme](secret, seconds);
  for (const odd of [`${seconds}abc`, `${seconds}.5`, `+${seconds}`, '', ' '])
    expect(
      faultOf(scheme, [secret], delivery(withTime(headers, String(seconds), odd)), now),
      JSON.stringify(odd),
    ).toBeDefined();
});

function withTime(headers: Record<string, string>, time: string, odd: string): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name,
      name === 'stripe-signature' ? value.replace(`t=${time}`, `t=${odd}`) : value === time ? odd : value,
    ]),
  );
}

test('of two signatures one has to fit', async () => {
  const right = await senders.standard(STANDARD, seconds);
  const two = {
    ...right,
    'webhook-signature': `v1,${Buffer.from('wrong').toString('base64')} ${right['webhook-signature']}`,
  };
  expect(faultOf('standard', [STANDARD], delivery(two), now)).toBeUndefined();
  const stripe = await senders.stripe('s', seconds);
  const both = { 'stripe-signature': `${stripe['stripe-signature']},v1=${'0'.repeat(64)}` };
  expect(faultOf('stripe', ['s'], delivery(both), now)).toBeUndefined();
});

test('the vector of the Standard Webhooks specification', () => {
  const headers = {
    'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
    'webhook-timestamp': '1614265330',
    'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  };
  const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
  expect(
    faultOf('standard', [secret], delivery(headers, '{"test": 2432232314}'), 1_614_265_330_000),
  ).toBeUndefined();
});

test('svix signs under names of its own', () => {
  const headers = {
    'svix-id': 'msg_2',
    'svix-timestamp': String(seconds),
    'svix-signature': new SvixWebhook(STANDARD).sign('msg_2', new Date(now), BODY),
  };
  expect(faultOf('standard', [STANDARD], delivery(headers), now)).toBeUndefined();
  expect(identify('standard', delivery(headers))).toMatchObject({ id: 'msg_2', type: 'payment.settled' });
});

test('bytes that are no UTF-8 are verified as they are, and are no event', () => {
  const body = Buffer.from([0x7b, 0xff, 0x7d]);
  const signature = createHmac('sha256', 'gh').update(body).digest('hex');
  const sent = delivery(
    { 'x-hub-signature-256': `sha256=${signature}`, 'x-github-delivery': '1', 'x-github-event': 'p' },
    body,
  );
  expect(faultOf('github', ['gh'], sent, now)).toBeUndefined();
  expect(identify('github', sent)).toBeUndefined();
});

describe('an event is identified', () => {
  test.each<[Scheme, Record<string, string>, object]>([
    ['stripe', {}, { id: 'evt_1', type: 'payment.settled' }],
    ['standard', { 'webhook-id': 'msg_1' }, { id: 'msg_1', type: 'payment.settled' }],
    ['github', { 'x-github-delivery': 'd-1', 'x-github-event': 'push' }, { id: 'd-1', type: 'push' }],
    ['generic', { 'x-webhook-id': 'g-1' }, { id: 'g-1', type: 'payment.settled' }],
  ])('by %s', (scheme, headers, expected) => {
    expect(identify(scheme, delivery(headers))).toMatchObject(expected);
  });

  test.each([
    '[]',
    '"text"',
    'null',
    '{',
    '{"type":"x"}',
    '{"id":1,"type":"x"}',
    '{"id":"a b","type":"x"}',
    '{"id":"e"}',
  ])('not as %s', (body) => expect(identify('stripe', delivery({}, body))).toBeUndefined());
});
