import { expect, test } from 'vitest';
import { type Client, start } from './harness.ts';

const TO = { name: 'Ada', line1: '1 Main St', city: 'Springfield', postalCode: '12345', country: 'US' };
const ORDER = { reference: 'run_1.1.ship', to: TO, items: [{ sku: 'TEE-M', quantity: 2 }] };

test('a token is had with the credentials in the form or in the header', async () => {
  const { url, json } = await start({ shippingClient: { id: 'a b', secret: 'c:d%' } });
  const grant = { grant_type: 'client_credentials' };
  const inForm = await askToken(url, { ...grant, client_id: 'a b', client_secret: 'c:d%' });
  expect(inForm).toMatchObject({ status: 200, body: { token_type: 'Bearer', expires_in: 3600 } });
  const inHeader = await askToken(url, grant, `Basic ${btoa('a+b:c%3Ad%25')}`);
  expect(inHeader.status).toBe(200);
  for (const { body } of [inForm, inHeader])
    expect((await json('GET', '/shipping/labels?reference=x', undefined, bearer(body))).status).toBe(200);
});

test('wrong credentials, another grant and a form that is none are refused as RFC 6749 has it', async () => {
  const { url } = await start();
  const client = { client_id: 'sandbox', client_secret: 'sandbox-secret' };
  const grant = { grant_type: 'client_credentials' };
  for (const [form, status, error] of [
    [{ ...grant, ...client, client_secret: 'wrong' }, 401, 'invalid_client'],
    [grant, 401, 'invalid_client'],
    [{ ...client, grant_type: 'password' }, 400, 'unsupported_grant_type'],
    [client, 400, 'unsupported_grant_type'],
  ] as const)
    expect(await askToken(url, form)).toMatchObject({ status, body: { error } });
});

test('a token that is missing, forged or out of date is refused', async () => {
  const { url, json } = await start({ tokenLifetimeSeconds: 0 });
  const expired = await askToken(url, {
    grant_type: 'client_credentials',
    client_id: 'sandbox',
    client_secret: 'sandbox-secret',
  });
  for (const headers of [{}, { authorization: 'Bearer 9999999999999.forged' }, bearer(expired.body)]) {
    const answer = await json('POST', '/shipping/labels', ORDER, headers);
    expect(answer).toMatchObject({ status: 401, body: { code: 'unauthorized' } });
    expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer/);
  }
});

test('every request that gets through is a label, found by its reference', async () => {
  const sandbox = await start();
  const headers = await authorized(sandbox);
  const first = await sandbox.json('POST', '/shipping/labels', ORDER, headers);
  const second = await sandbox.json('POST', '/shipping/labels', ORDER, headers);
  await sandbox.json('POST', '/shipping/labels', { ...ORDER, reference: 'run_2.1.ship' }, headers);
  expect(first).toMatchObject({
    status: 201,
    body: { id: expect.any(String), trackingNumber: expect.stringMatching(/^1Z\d{12}$/) },
  });
  expect(second.body.id).not.toBe(first.body.id);

  const found = await sandbox.json('GET', '/shipping/labels?reference=run_1.1.ship', undefined, headers);
  expect(found.body).toEqual({ labels: [first.body, second.body] });
  expect(await sandbox.operations('?reference=run_1')).toEqual(['label', 'label']);
  const page = await fetch(first.body.labelUrl);
  expect(await page.text()).toContain(
    `${first.body.trackingNumber}\n\nAda\n1 Main St\n12345 Springfield\nUS`,
  );
});

test('a label is voided once', async () => {
  const sandbox = await start();
  const headers = await authorized(sandbox);
  const { body: label } = await sandbox.json('POST', '/shipping/labels', ORDER, headers);
  for (const _ of [1, 2])
    expect(await sandbox.json('POST', `/shipping/labels/${label.id}/void`, undefined, headers)).toMatchObject(
      {
        status: 200,
        body: { id: label.id, status: 'voided' },
      },
    );
  expect(await sandbox.operations()).toEqual(['label', 'void']);
  expect(await sandbox.json('POST', '/shipping/labels/none/void', undefined, headers)).toMatchObject({
    status: 404,
    body: { code: 'label_not_found' },
  });
  const found = await sandbox.json('GET', '/shipping/labels?reference=run_1.1.ship', undefined, headers);
  expect(found.body.labels).toMatchObject([{ id: label.id, status: 'voided' }]);
});

test('an address nobody delivers to, and one that is none, are refused', async () => {
  const sandbox = await start();
  const headers = await authorized(sandbox);
  const post = (body: object) => sandbox.json('POST', '/shipping/labels', body, headers);
  expect(await post({ ...ORDER, to: { ...TO, country: 'ZZ' } })).toMatchObject({
    status: 422,
    body: { code: 'invalid_address' },
  });
  expect(await post({ ...ORDER, to: { ...TO, country: 'usa', city: ' ' } })).toMatchObject({
    status: 422,
    body: { code: 'invalid_request', errors: [{ path: 'to.city' }, { path: 'to.country' }] },
  });
  expect(await sandbox.json('GET', '/shipping/labels', undefined, headers)).toMatchObject({ status: 422 });
  expect(await sandbox.operations()).toEqual([]);
});

async function authorized({ url }: Client & { url: string }) {
  const { body } = await askToken(url, {
    grant_type: 'client_credentials',
    client_id: 'sandbox',
    client_secret: 'sandbox-secret',
  });
  return bearer(body);
}

async function askToken(url: string, form: Record<string, string>, authorization?: string) {
  const response = await fetch(`${url}/shipping/oauth/token`, {
    method: 'POST',
    body: new URLSearchParams(form),
    ...(authorization === undefined ? {} : { headers: { authorization } }),
  });
  const body: { access_token: string } = JSON.parse(await response.text());
  return { status: response.status, body };
}

function bearer(token: { access_token: string }) {
  return { authorization: `Bearer ${token.access_token}` };
}
