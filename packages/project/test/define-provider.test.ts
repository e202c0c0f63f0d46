import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { readConfig } from '@holdfast/app-kit';
import { type StepCall, StepError } from '@holdfast/engine';
import { expect, expectTypeOf, it, onTestFinished } from 'vitest';
import { z } from 'zod';
import { connectAlone, defineConfig, defineProvider, lookUp, operation } from '../src/index.ts';

const coded = z.object({ error: z.string() }).transform(({ error }) => ({ code: error }));

const Label = z.object({ id: z.string(), reference: z.string() });

function labels(more: object = {}) {
  return defineProvider({
    name: 'labels',
    auth: 'bearer',
    errors: coded,
    outcomes: { busy: 'throttled', 409: 'in_doubt', 401: 'rejected' },
    emptyErrors: [404],
    operations: {
      buy: operation({
        request: (input: { to: string }, call) => ({
          method: 'POST',
          path: '/labels',
          body: { json: { to: input.to, reference: call.reference } },
        }),
        answer: Label,
        result: ({ id }, { input }) => ({ labelId: id, to: input.to }),
        outcomes: { busy: 'unavailable' },
        settlesDoubt: ['invalid_address', 410],
      }),
      get: operation({
        request: (id: string) => ({ method: 'GET', path: `/labels/${encodeURIComponent(id)}` }),
        answer: Label,
      }),
      drop: operation({
        request: (id: string) => ({ method: 'DELETE', path: `/labels/${id}` }),
        answer: z.undefined(),
        result: () => ({ dropped: true }),
        alreadyDone: ({ status }) => (status === 404 ? { result: { dropped: true } } : undefined),
        idempotencyHeader: 'X-Once',
      }),
      find: lookUp({
        request: (_: undefined, call) => ({
          method: 'POST',
          path: '/labels/search',
          body: { json: { reference: call.reference } },
        }),
        answer: z.object({ labels: z.array(Label) }),
        matches: ({ labels: found }, { call }) => found.filter((label) => label.reference === call.reference),
      }),
    },
    ...more,
  });
}

const CALL: StepCall = {
  ...{ idempotencyKey: 'run_1:1:ship', reference: 'run_1.1.ship', runId: 'run_1', generation: 1 },
  ...{ step: 'ship', attempt: 1, startedAt: 0, signal: new AbortController().signal },
};

interface Received {
  readonly line: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Each request takes the next answer; the last one stays. */
async function server(...answers: ((response: ServerResponse) => void)[]) {
  const received: Received[] = [];
  const http = createServer(async (message, response) => {
    const { method, url, headers } = message;
    const nth = received.push({ line: `${method} ${url}`, headers, body: await text(message) });
    answers[Math.min(nth, answers.length) - 1]?.(response);
  });
  onTestFinished(() => {
    http.close();
    http.closeAllConnections();
  });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  const address = http.address();
  if (address === null || typeof address === 'string') throw new Error('no TCP address');
  return { url: `http://127.0.0.1:${address.port}/v1`, received };
}

function json(status: number, body: unknown, headers: Record<string, string> = {}) {
  return (response: ServerResponse) =>
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
}

async function connected(...answers: ((response: ServerResponse) => void)[]) {
  const { url, received } = await server(...answers);
  const provider = labels();
  const { close } = connectAlone(provider, { HOLDFAST_LABELS_URL: url, HOLDFAST_LABELS_KEY: 'sk_secret_1' });
  onTestFinished(close);
  return { provider, received };
}

async function failure(promise: Promise<unknown>): Promise<StepError> {
  const error = await promise.then(
    (value) => new Error(`expected a step error, got ${JSON.stringify(value)}`),
    (thrown: unknown) => thrown,
  );
  if (error instanceof StepError) return error;
  throw error;
}

it('sends what the operation builds, with credentials, key and trace, and gives its result', async () => {
  const { provider, received } = await connected(json(201, { id: 'l_1', reference: 'x' }));
  const label = await provider.buy(CALL, { to: 'Springfield' });
  expect(label).toEqual({ labelId: 'l_1', to: 'Springfield' });
  expectTypeOf(label).toEqualTypeOf<{ labelId: string; to: string }>();
  expect(received).toMatchObject([
    {
      line: 'POST /v1/labels',
      headers: {
        authorization: 'Bearer sk_secret_1',
        'idempotency-key': 'run_1:1:ship',
        traceparent: expect.any(String),
      },
      body: '{"to":"Springfield","reference":"run_1.1.ship"}',
    },
  ]);
});

it('sends the key in the header that the operation names, and none with a GET or a look-up', async () => {
  const { provider, received } = await connected(
    (response) => response.writeHead(204).end(),
    json(200, { id: 'l_1', reference: 'x' }),
    json(200, { labels: [] }),
  );
  await provider.drop(CALL, 'l_1');
  await provider.get(CALL, 'l_1');
  await provider.find(CALL, undefined);
  const [drop, get, find] = received.map(({ headers }) => headers);
  expect(drop).toMatchObject({ 'x-once': CALL.idempotencyKey });
  for (const headers of [{ ...drop, 'x-once': undefined }, get, find])
    expect(JSON.stringify(headers)).not.toContain(CALL.idempotencyKey);
});

it.each([
  ['a refusal in its form', json(422, { error: 'invalid_address' }), 'rejected', 'invalid_address', true],
  [
    'a refusal that says nothing of the effect',
    json(422, { error: 'no_stock' }),
    'rejected',
    'no_stock',
    false,
  ],
  ['a status that settles', json(410, { error: 'gone' }), 'rejected', 'gone', true],
  ["the operation's own outcome of a code", json(400, { error: 'busy' }), 'unavailable', 'busy', undefined],
  ['an outcome of a status', json(409, { error: 'in_progress' }), 'in_doubt', 'in_progress', undefined],
  ['a status that is a refusal here', json(401, { error: 'not_yours' }), 'rejected', 'not_yours', false],
  ['a status without a body', (r: ServerResponse) => r.writeHead(404).end(), 'rejected', 'http_404', false],
  [
    'another without a body',
    (r: ServerResponse) => r.writeHead(400).end(),
    'misconfigured',
    'not_from_provider',
    undefined,
  ],
  [
    'a body in another form',
    json(404, { message: 'no route' }),
    'misconfigured',
    'not_from_provider',
    undefined,
  ],
  ['an answer in another form', json(200, { no: 'label' }), 'in_doubt', 'response_unexpected', undefined],
])('%s', async (_what, answer, kind, code, settlesDoubt) => {
  const { provider } = await connected(answer);
  const error = await failure(provider.buy(CALL, { to: 'x' }));
  expect(error).toMatchObject({ kind, code, details: { provider: 'labels', operation: 'buy' } });
  expect('settlesDoubt' in error ? error.settlesDoubt : undefined).toBe(settlesDoubt);
});

it("takes the provider's outcome of a code where the operation has none", async () => {
  const { provider } = await connected(json(400, { error: 'busy' }, { 'retry-after': '7' }));
  expect(await failure(provider.get(CALL, 'l_1'))).toMatchObject({ kind: 'throttled', retryAfter: 7_000 });
});

it('takes a refusal that means that it is done', async () => {
  const { provider } = await connected((response) => response.writeHead(404).end());
  expect(await provider.drop(CALL, 'l_1')).toEqual({ dropped: true });
});

it('looks effects up: one, none, by a 404 as well, or too many; a failure is no doubt', async () => {
  const mine = { id: 'l_1', reference: CALL.reference };
  const { provider } = await connected(
    json(200, { labels: [mine, { id: 'l_2', reference: 'other' }] }),
    json(200, { labels: [] }),
    (response) => response.writeHead(404).end(),
    json(200, { labels: [mine, { ...mine, id: 'l_3' }] }),
    json(500, { error: 'broken' }),
  );
  expect(await provider.find(CALL, undefined)).toEqual({ outcome: 'found', result: mine });
  expect(await provider.find(CALL, undefined)).toEqual({ outcome: 'none' });
  expect(await provider.find(CALL, undefined)).toEqual({ outcome: 'none' });
  expect(await provider.find(CALL, undefined)).toMatchObject({
    outcome: 'unknown',
    reason: 'labels find: 2 effects carry the reference run_1.1.ship; undo all but one',
  });
  expect(await failure(provider.find(CALL, undefined))).toMatchObject({
    kind: 'unavailable',
    code: 'broken',
  });
});

it('reads refusals out of a 2xx where the provider gives them so, and never both', async () => {
  const slack = (answer: z.ZodType<unknown>) =>
    defineProvider({
      name: 'slack',
      auth: 'none',
      errors: z
        .object({ ok: z.literal(false), error: z.string() })
        .transform(({ error }) => ({ code: error })),
      errorsIn2xx: true,
      outcomes: { ratelimited: 'throttled', invalid_auth: 'misconfigured' },
      operations: {
        post: operation({ request: () => ({ method: 'POST', path: '/post', body: { json: {} } }), answer }),
      },
    });
  const { url } = await server(
    json(200, { ok: false, error: 'channel_not_found' }),
    json(200, { ok: false, error: 'invalid_auth' }),
    json(200, { ok: false, error: 'ratelimited' }, { 'retry-after': '3' }),
    json(200, { ok: true, ts: '1' }),
    json(200, { ok: false, error: 'channel_not_found' }),
  );
  const strict = slack(z.object({ ok: z.literal(true), ts: z.string() }));
  onTestFinished(connectAlone(strict, { HOLDFAST_SLACK_URL: url }).close);
  expect(await failure(strict.post(CALL))).toMatchObject({ kind: 'rejected', code: 'channel_not_found' });
  expect(await failure(strict.post(CALL))).toMatchObject({ kind: 'misconfigured', code: 'invalid_auth' });
  expect(await failure(strict.post(CALL))).toMatchObject({ kind: 'throttled', retryAfter: 3_000 });
  expect(await strict.post(CALL)).toEqual({ ok: true, ts: '1' });
  const loose = slack(z.unknown());
  onTestFinished(connectAlone(loose, { HOLDFAST_SLACK_URL: url }).close);
  expect(await failure(loose.post(CALL))).toMatchObject({ kind: 'in_doubt', code: 'response_ambiguous' });
});

it.each([
  ['basic' as const, { USER: 'ada', PASSWORD: 'pass word' }, 'authorization', 'Basic YWRhOnBhc3Mgd29yZA=='],
  [{ header: 'X-Api-Key' }, { KEY: 'k_1234' }, 'x-api-key', 'k_1234'],
])('auth %j', async (auth, values, name, value) => {
  const { url, received } = await server(json(200, {}));
  const provider = defineProvider({
    ...{ name: 'own', auth, errors: coded },
    operations: {
      ping: operation({ request: () => ({ method: 'GET', path: '/ping' }), answer: z.object({}) }),
    },
  });
  const env = Object.fromEntries(Object.entries(values).map(([end, text]) => [`HOLDFAST_OWN_${end}`, text]));
  onTestFinished(connectAlone(provider, { HOLDFAST_OWN_URL: url, ...env }).close);
  await provider.ping(CALL);
  expect(received[0]?.headers[name]).toBe(value);
});

it('auth in the query, and by OAuth client credentials at a path of the provider', async () => {
  const ping = operation({ request: () => ({ method: 'GET', path: '/ping' }), answer: z.object({}) });
  const { url, received } = await server(
    json(200, {}),
    json(200, { access_token: 'tok_1', token_type: 'bearer', expires_in: 60 }),
    json(200, {}),
  );
  const byQuery = defineProvider({ name: 'q', auth: { query: 'key' }, errors: coded, operations: { ping } });
  onTestFinished(connectAlone(byQuery, { HOLDFAST_Q_URL: url, HOLDFAST_Q_KEY: 'k 1' }).close);
  await byQuery.ping(CALL);
  const byOAuth = defineProvider({
    ...{ name: 'o', auth: { oauth: { token: '/token', scope: 'all' } }, errors: coded },
    operations: { ping },
  });
  const env = { HOLDFAST_O_URL: url, HOLDFAST_O_CLIENT_ID: 'me', HOLDFAST_O_CLIENT_SECRET: 'sesame' };
  onTestFinished(connectAlone(byOAuth, env).close);
  await byOAuth.ping(CALL);
  expect(received.map(({ line }) => line)).toEqual([
    'GET /v1/ping?key=k+1',
    'POST /v1/token',
    'GET /v1/ping',
  ]);
  expect(received[1]).toMatchObject({ body: expect.stringContaining('scope=all') });
  expect(received[2]).toMatchObject({ headers: { authorization: 'Bearer tok_1' } });
});

it('masks its secrets in what the provider says', async () => {
  const { provider } = await connected(json(400, { error: 'key sk_secret_1 is bad' }));
  const error = await failure(provider.buy(CALL, { to: 'x' }));
  expect(`${error.code} ${error.message} ${JSON.stringify(error.details)}`).not.toContain('sk_secret_1');
});

it('sends no path that another operation would be taken for', async () => {
  const { provider, received } = await connected(json(200, {}));
  await expect(provider.drop(CALL, '..')).rejects.toThrow(/path "\/labels\/\.\.".*percent-encode/);
  await expect(provider.drop(CALL, 'a?b=1')).rejects.toThrow(/percent-encode/);
  expect(received).toEqual([]);
});

it('says what is missing before it is connected, and after', async () => {
  const provider = labels();
  await expect(provider.buy(CALL, { to: 'x' })).rejects.toThrow(
    /provider "labels" is not connected: `buy`.*`providers`/,
  );
  const { url } = await server(json(201, { id: 'l_1', reference: 'x' }));
  const { close } = connectAlone(provider, { HOLDFAST_LABELS_URL: url, HOLDFAST_LABELS_KEY: 'sk_1' });
  await provider.buy(CALL, { to: 'x' });
  await close();
  await expect(provider.buy(CALL, { to: 'x' })).rejects.toThrow(/not connected/);
  await expect(Reflect.apply(provider.buy, provider, [{ to: 'x' }])).rejects.toThrow(
    /takes the step's call first/,
  );
});

it.each([
  [
    {},
    /HOLDFAST_LABELS_KEY: is missing; expected the key of the provider "labels"[\s\S]*HOLDFAST_LABELS_URL: is missing; expected the URL of the provider "labels"/,
  ],
  [
    { HOLDFAST_LABELS_URL: 'ftp://x', HOLDFAST_LABELS_KEY: 'k' },
    /HOLDFAST_LABELS_URL: expected a URL like http/,
  ],
  [
    { HOLDFAST_LABELS_URL: 'http://example.com', HOLDFAST_LABELS_KEY: 'k' },
    /HOLDFAST_LABELS_URL: .*plain http/,
  ],
  [
    { HOLDFAST_LABELS_URL: 'https://u:p@example.com', HOLDFAST_LABELS_KEY: 'k' },
    /HOLDFAST_LABELS_URL: .*holds credentials/,
  ],
  [
    { HOLDFAST_LABELS_URL: 'https://example.com', HOLDFAST_LABELS_KEY: 'se cret' },
    /HOLDFAST_LABELS_KEY: the bearer token must be/,
  ],
  [
    { HOLDFAST_LABELS_URL: 'https://example.com', HOLDFAST_LABELS_KEY: 'k', HOLDFAST_LABELS_RPS: 'many' },
    /HOLDFAST_LABELS_RPS: expected a number above 0/,
  ],
])('the environment %j is refused', (env, message) => {
  const provider = labels();
  expect(() => provider.configure(readConfig(provider.variables, env))).toThrow(message);
});

it('takes its URL from the code unless the environment has another', () => {
  const provider = labels({ baseUrl: 'https://api.example.com/v1/' });
  const key = { HOLDFAST_LABELS_KEY: 'k' };
  expect(readConfig(provider.variables, key)).toMatchObject({
    HOLDFAST_LABELS_URL: 'https://api.example.com/v1',
  });
  const other = { ...key, HOLDFAST_LABELS_URL: 'https://eu.example.com' };
  expect(readConfig(provider.variables, other)).toMatchObject({
    HOLDFAST_LABELS_URL: 'https://eu.example.com',
  });
});

it.each([
  'redis',
  'api',
  'dashboard',
  'sandbox',
  'smtp',
  'webhook',
  'public',
  'tenant',
  'dev',
  'alert',
  'worker',
  'redis-tls',
])('the name %s is refused', (name) =>
  expect(() => labels({ name })).toThrow(/variables that begin with HOLDFAST_\w+ exist already/),
);

it.each([
  [{ name: 'My Slack' }, /"My Slack" cannot be a provider's name/],
  [{ baseUrl: 'slack.com' }, /`baseUrl`: expected a URL like/],
  [
    {
      operations: { name: operation({ request: () => ({ method: 'GET', path: '/' }), answer: z.unknown() }) },
    },
    /cannot be called `name`/,
  ],
  [{ operations: { ping: {} } }, /`operations\.ping`: is no operation/],
  [{ limit: { burst: 1 } }, /provider "labels": Unrecognized key: "limit"/],
  [{ limits: { ratePerSecond: 0 } }, /`limits\.ratePerSecond`: /],
  [{ auth: 'token' }, /`auth`: expected 'none', 'bearer'/],
  [{ errors: undefined }, /`errors`: expected a zod schema/],
  [{ timeouts: { body: 'soon' } }, /`timeouts\.body`: expected a duration/],
  [{ outcomes: { busy: 'later' } }, /`outcomes\.busy`: /],
])('%o is refused', (more, message) => {
  expect(() => labels(more)).toThrow(message);
});

it('two providers of a config do not read the same variable', () => {
  const flow = { name: 'f', version: 1, input: z.unknown(), output: z.unknown(), run: () => {} };
  const named = (name: string) => labels({ name });
  const config = (...providers: ReturnType<typeof labels>[]) =>
    Reflect.apply(defineConfig, undefined, [{ flows: [flow], providers }]);
  expect(() => config(named('a'), named('b'))).not.toThrow();
  expect(() => config(named('a'), named('a-tls'))).toThrow(
    /"a" and "a-tls" both read HOLDFAST_A_TLS_KEY; rename one/,
  );
});

it.each([
  [
    operation,
    { request: () => ({}), answer: z.unknown(), retries: 3 },
    /operation.*Unrecognized key: "retries"/,
  ],
  [operation, { request: '/ping', answer: z.unknown() }, /operation.*`request`: expected a function/],
  [lookUp, { request: () => ({}), answer: z.unknown() }, /lookUp.*`matches`: expected a function/],
])('%o refuses %o', (make, rules, message) => {
  expect(() => Reflect.apply(make, undefined, [rules])).toThrow(message);
});

it('goes back to the connection before when a later one is closed', async () => {
  const provider = labels();
  const connect = async (id: string) => {
    const { url } = await server(json(201, { id, reference: 'x' }));
    return connectAlone(provider, { HOLDFAST_LABELS_URL: url, HOLDFAST_LABELS_KEY: 'sk_1' });
  };
  const bought = async () => (await provider.buy(CALL, { to: 'x' })).labelId;
  const first = await connect('first');
  const second = await connect('second');
  expect(await bought()).toBe('second');
  await second.close();
  expect(await bought()).toBe('first');
  await first.close();
});

it('refuses to send a client secret over plain http', () => {
  const provider = labels({ auth: { oauth: { token: 'http://auth.example.com/token' } } });
  const env = {
    HOLDFAST_LABELS_URL: 'https://example.com',
    ...{ HOLDFAST_LABELS_CLIENT_ID: 'me', HOLDFAST_LABELS_CLIENT_SECRET: 'sesame' },
  };
  expect(() => provider.configure(readConfig(provider.variables, env))).toThrow(
    /HOLDFAST_LABELS_TOKEN_URL: the token URL of auth\.example\.com must be https/,
  );
});
