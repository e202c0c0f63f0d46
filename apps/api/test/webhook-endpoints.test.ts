import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { newKey } from './support/order.ts';
import { type Answer, startTestApi, type TestApi } from './support/test-api.ts';

const PATH = '/v1/webhook-endpoints';
/** An address, so that no name has to be resolved. */
const HOOK = { url: 'https://8.8.8.8/in', events: ['run.completed', 'payment.*'] };

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi(undefined, {
    HOLDFAST_ENCRYPTION_KEYS: `k1:${randomBytes(32).toString('base64')}`,
    HOLDFAST_WEBHOOK_ALLOW: '127.0.0.1',
  });
});
afterAll(() => api.stop());

function send(method: string, path: string, body?: object, headers: object = {}): Promise<Answer> {
  return api.ask({
    ...{ method, path: `${PATH}${path}` },
    headers: { ...(body && { 'content-type': 'application/json' }), ...headers },
    ...(body && { body: JSON.stringify(body) }),
  });
}
const outcome = ({ status, json }: Answer) => ({ status, code: json.code });

/** A key of the same tenant with these scopes. */
async function keyWith(...scopes: string[]) {
  const { json } = await api.ask({
    ...{ method: 'POST', path: '/v1/keys', body: JSON.stringify({ name: 'some', scopes }) },
    headers: { 'content-type': 'application/json' },
  });
  return { authorization: `Bearer ${json.key}` };
}

describe('/v1/webhook-endpoints', () => {
  test('an endpoint is created, seen, changed and deleted; its secret is shown at its creation only', async () => {
    const made = await send('POST', '', { ...HOOK, description: 'orders' });
    expect(made.status).toBe(201);
    expect(made.json).toEqual({
      ...{ ...HOOK, description: 'orders', status: 'active', createdAt: expect.any(String) },
      ...{ id: expect.stringMatching(/^whe_/), secret: expect.stringMatching(/^whsec_[A-Za-z0-9+/]{43}=$/) },
    });
    expect(made.headers).toMatchObject({
      ...{ 'cache-control': 'no-store', location: `${PATH}/${made.json.id}` },
    });
    const { secret, ...shown } = made.json;
    const one = `/${made.json.id}`;
    expect((await send('GET', one)).json).toEqual(shown);
    expect((await send('GET', '')).json.data).toContainEqual(shown);

    const changed = await send('PATCH', one, { status: 'paused', description: '' });
    const { description: _, ...left } = { ...shown, status: 'paused' } as Record<string, unknown>;
    expect(changed.json).toEqual(left);
    expect((await send('GET', one)).json).toEqual(left);

    expect((await send('DELETE', one)).status).toBe(204);
    const gone = { status: 404, code: 'webhook_endpoint_not_found' };
    expect(outcome(await send('DELETE', one))).toEqual(gone);
    expect(outcome(await send('GET', one))).toEqual(gone);
    expect(outcome(await send('PATCH', one, { status: 'active' }))).toEqual(gone);
    expect(outcome(await send('POST', `${one}/rotate-secret`, { overlap: '1h' }))).toEqual(gone);
    const audit = await api.ask({ path: '/v1/audit' });
    expect(audit.text).toContain('delete_webhook_endpoint');
  });

  test.each([
    'http://8.8.8.8/',
    'https://127.0.0.2/',
    'https://10.0.0.1/',
    'https://[::1]/',
    'https://8.8.8.8:6379/',
  ])('%s is refused, at creation and later', async (url) => {
    const refused = { status: 422, code: 'webhook_url_refused' };
    expect(outcome(await send('POST', '', { ...HOOK, url }))).toEqual(refused);
    const { json } = await send('POST', '', HOOK);
    expect(outcome(await send('PATCH', `/${json.id}`, { url }))).toEqual(refused);
    expect((await send('GET', `/${json.id}`)).json.url).toBe(HOOK.url);
  });

  test('HOLDFAST_WEBHOOK_ALLOW lets its addresses through, by http and on any port', async () => {
    const { status, json } = await send('POST', '', { ...HOOK, url: 'http://127.0.0.1:6379/in' });
    expect({ status, url: json.url }).toEqual({ status: 201, url: 'http://127.0.0.1:6379/in' });
  });

  test('the same Idempotency-Key has the same answer; another request under it is refused', async () => {
    const key = { 'idempotency-key': newKey() };
    const first = await send('POST', '', HOOK, key);
    const again = await send('POST', '', HOOK, key);
    expect({ status: again.status, json: again.json }).toEqual({ status: 201, json: first.json });
    expect(again.headers['idempotent-replayed']).toBe('true');
    const other = await send('POST', '', { ...HOOK, events: ['run.dead'] }, key);
    expect(outcome(other)).toEqual({ status: 422, code: 'idempotency_key_reused' });

    const rotate = () => send('POST', `/${first.json.id}/rotate-secret`, { overlap: '24h' }, key);
    const rotated = await rotate();
    expect(rotated.json.secret).not.toBe(first.json.secret);
    expect((await rotate()).json).toEqual(rotated.json);
  });

  test('pages end', async () => {
    for (let i = 0; i < 3; i += 1) await send('POST', '', HOOK);
    const seen: unknown[] = [];
    let cursor = '';
    do {
      const { json } = await send('GET', `?limit=2${cursor && `&cursor=${cursor}`}`);
      seen.push(...(json.data as { id: string }[]).map(({ id }) => id));
      cursor = encodeURIComponent(String(json.nextCursor ?? ''));
    } while (cursor !== '');
    const { json: all } = await send('GET', '?limit=100');
    expect(seen).toEqual((all.data as { id: string }[]).map(({ id }) => id));
    expect(outcome(await send('GET', '?cursor=x'))).toEqual({ status: 400, code: 'cursor_invalid' });
  });

  test('read sees, operate changes', async () => {
    const { json } = await send('POST', '', HOOK);
    const refused = { status: 403, code: 'scope_missing' };
    const [reads, operates] = [await keyWith('read'), await keyWith('operate')];
    expect((await send('GET', `/${json.id}`, undefined, reads)).status).toBe(200);
    expect(outcome(await send('POST', '', HOOK, reads))).toEqual(refused);
    expect(outcome(await send('PATCH', `/${json.id}`, { status: 'paused' }, reads))).toEqual(refused);
    expect(outcome(await send('DELETE', `/${json.id}`, undefined, reads))).toEqual(refused);
    expect(outcome(await send('GET', '', undefined, operates))).toEqual(refused);
    expect((await send('PATCH', `/${json.id}`, { status: 'paused' }, operates)).status).toBe(200);
  });

  test.each([
    [{ url: HOOK.url }, 'events'],
    [{ ...HOOK, events: ['*'] }, 'events.0'],
    [{ ...HOOK, events: [] }, 'events'],
    [{ ...HOOK, more: 1 }, 'more'],
  ])('%j is not valid', async (body, path) => {
    const { status, json } = await send('POST', '', body);
    expect({ status, code: json.code }).toEqual({ status: 422, code: 'validation_failed' });
    expect(JSON.stringify(json.errors)).toContain(path);
  });
});

test('without HOLDFAST_ENCRYPTION_KEYS there are no endpoints, and the answer says why', async () => {
  const other = await startTestApi(api.redis);
  const answer = await other.ask({ path: PATH });
  expect(outcome(answer)).toEqual({ status: 503, code: 'encryption_keys_missing' });
  expect(answer.json.detail).toContain('HOLDFAST_ENCRYPTION_KEYS');
  await other.close();
});
