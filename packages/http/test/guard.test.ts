import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { bearer } from '../src/auth.ts';
import type { HttpClient, HttpClientOptions } from '../src/client.ts';
import { createGuard, type GuardOptions } from '../src/shared/guard.ts';
import { providerHealth } from '../src/shared/provider-health.ts';
import type { SharedStore } from '../src/shared/shared-store.ts';
import { client, post } from './clients.ts';
import { json, type Received, serveHttp } from './servers.ts';
import { sharedRedis } from './shared-redis.ts';

const shared = sharedRedis();

/** One worker's client, sharing all that there is to share. */
function worker(
  url: string,
  guarded: Partial<GuardOptions> = {},
  options: Partial<HttpClientOptions> = {},
): HttpClient {
  const store = guarded.store ?? shared.store();
  const guard = createGuard({ provider: 'p', account: url, store, longestCallMs: 5_000, ...guarded });
  onTestFinished(() => guard.close());
  return client(url, { guard, ...options });
}

/** Answers in turn; the last one stays. */
async function provider(...answers: readonly [status: number, headers?: Record<string, string>][]) {
  const arrivals: number[] = [];
  const { url, received } = await serveHttp((_request, response) => {
    const [status = 200, headers = {}] =
      answers[Math.min(arrivals.push(Date.now()), answers.length) - 1] ?? [];
    json(response, status, { id: 'a' }, headers);
  });
  return { url, received, arrivals };
}

describe('a guarded client', () => {
  it('asks for calls as before', async () => {
    const { url, received } = await provider([200]);
    expect(await worker(url).request(post())).toMatchObject({ kind: 'ok', value: { id: 'a' } });
    expect(received).toHaveLength(1);
  });

  it('a 429 of one worker keeps all away for as long as it says', async () => {
    const { url, arrivals } = await provider([429, { 'retry-after': '1' }], [200]);
    const [one, other] = [worker(url), worker(url)];
    expect(await one.request(post())).toMatchObject({ kind: 'throttled', code: 'http_429' });
    const refusal = await other.request(post());
    expect(refusal).toMatchObject({ kind: 'throttled', code: 'gate_closed', unsent: true });
    const waitMs = refusal.kind === 'throttled' ? (refusal.retryAfterMs ?? 0) : 0;
    expect(waitMs).toBeGreaterThan(500);
    await expect.poll(async () => (await other.request(post())).kind, { timeout: 5_000 }).toBe('ok');
    const [refused = 0, taken = 0] = arrivals;
    expect(taken - refused).toBeGreaterThanOrEqual(1_000);
  });

  it.each([
    ['a 503 that says for how long', [503, { 'retry-after': '2' }]],
    ['an answer whose RateLimit has nothing left', [200, { ratelimit: '"a";r=9;t=1, "b";r=0;t=2' }]],
  ] as const)('%s closes the gate for all', async (_what, [status, headers]) => {
    const { url, received } = await provider([status, headers]);
    await worker(url).request(post());
    const refusal = await worker(url).request(post());
    expect(refusal).toMatchObject({ kind: 'throttled', code: 'gate_closed' });
    expect(refusal.kind === 'throttled' && (refusal.retryAfterMs ?? 0)).toBeGreaterThan(1_000);
    expect(received).toHaveLength(1);
  });

  it.each(['"a";r=0', '"a";r=1;t=30', 'nonsense;;', '"a";r=0;t=-1', '', 'limit=10, remaining=0, reset=5'])(
    'a RateLimit that does not say that and for how long is ignored: %s',
    async (ratelimit) => {
      const { url, received } = await provider([200, { ratelimit }]);
      await worker(url).request(post());
      expect(await worker(url).request(post())).toMatchObject({ kind: 'ok' });
      expect(received).toHaveLength(2);
    },
  );

  it('waits on the spot for less than a moment', async () => {
    const { url, arrivals } = await provider([200]);
    const limits = { ratePerSecond: 10, burst: 1 };
    const workers = [worker(url, { limits }), worker(url, { limits })];
    const startedAt = Date.now();
    const outcomes = await Promise.all([0, 1, 0].map((n) => workers[n]?.request(post())));
    expect(outcomes.map((outcome) => outcome?.kind)).toEqual(['ok', 'ok', 'ok']);
    const [, second = 0, third = 0] = arrivals;
    expect(second - startedAt).toBeGreaterThanOrEqual(95);
    expect(third - startedAt).toBeGreaterThanOrEqual(195);
  });

  it('a longer wait is the caller’s, who is told how long', async () => {
    const { url, received } = await provider([200]);
    const guarded = worker(url, { limits: { ratePerSecond: 1, burst: 1 } });
    await guarded.request(post());
    const outcome = await guarded.request(post());
    expect(outcome).toMatchObject({ kind: 'throttled', code: 'rate_limited', unsent: true });
    expect(outcome.kind === 'throttled' && (outcome.retryAfterMs ?? 0)).toBeGreaterThan(500);
    expect(received).toHaveLength(1);
  });

  it('never has more calls under way than allowed, over all workers, and gives its slot back', async () => {
    let [underWay, most] = [0, 0];
    const { url } = await serveHttp((_request, response) => {
      underWay += 1;
      most = Math.max(most, underWay);
      setTimeout(() => {
        underWay -= 1;
        json(response, 200, { id: 'a' });
      }, 20);
    });
    const limits = { concurrency: 2 };
    const workers = [worker(url, { limits }), worker(url, { limits }), worker(url, { limits })];
    const until = async (http: HttpClient): Promise<void> => {
      while ((await http.request(post())).kind !== 'ok');
    };
    await Promise.all(Array.from({ length: 12 }, (_, n) => until(workers[n % 3] ?? worker(url))));
    expect(most).toBe(2);
  });

  it('accounts of a provider do not share a limit', async () => {
    const { url } = await provider([429, { 'retry-after': '5' }], [200]);
    await worker(url, { account: 'one' }).request(post());
    expect(await worker(url, { account: 'two' }).request(post())).toMatchObject({ kind: 'ok' });
  });

  it('an open breaker keeps all away from a provider that is down', async () => {
    const { url, received } = await provider([500]);
    const [one, other] = [worker(url), worker(url)];
    for (let n = 0; n < 5; n += 1) expect((await one.request(post())).kind).toBe('in_doubt');
    expect(await other.request(post())).toMatchObject({
      kind: 'throttled',
      code: 'breaker_open',
      unsent: true,
    });
    expect(received).toHaveLength(5);
  });

  it.each<[string, (request: Received) => [number, Record<string, string>?]]>([
    ['declines', () => [402]],
    ['conflicts', () => [409]],
    ['old failures that are played back', () => [500, { 'idempotent-replayed': 'true' }]],
  ])('%s do not open it', async (_what, answer) => {
    const { url } = await serveHttp((request, response) => {
      const [status, headers] = answer(request);
      json(response, status, {}, headers);
    });
    const guarded = worker(url);
    for (let n = 0; n < 8; n += 1) await guarded.request(post());
    expect((await guarded.request(post())).kind).not.toBe('throttled');
  });

  it('no byte is sent for a call that is given up while it waits', async () => {
    const { url, received } = await provider([200]);
    const guarded = worker(url, { limits: { ratePerSecond: 5, burst: 1 } });
    await guarded.request(post());
    const giveUp = new AbortController();
    const waiting = guarded.request(post({ signal: giveUp.signal }));
    giveUp.abort();
    expect(await waiting).toMatchObject({ kind: 'throttled', code: 'aborted', unsent: true });
    expect(received).toHaveLength(1);
  });

  it('without Redis nothing is sent, and the caller is told to come back', async () => {
    const { url, received } = await provider([200]);
    const failed: string[] = [];
    const away = () => Promise.reject(new Error('Redis is away'));
    const store: SharedStore = { ...shared.store(), admit: away, settle: away, record: away };
    const observer = { called() {}, waits() {}, storeFailed: (name: string) => void failed.push(name) };
    const outcome = await worker(url, { store, observer }).request(post());
    expect(outcome).toMatchObject({ kind: 'throttled', code: 'limits_unknown', retryAfterMs: 1_000 });
    expect(received).toEqual([]);
    expect(failed).toEqual(['p']);
  });

  it('what cannot be told to the others is kept to by the one who knows', async () => {
    const { url, received } = await provider([429, { 'retry-after': '5' }], [200]);
    const store: SharedStore = { ...shared.store(), settle: () => Promise.reject(new Error('READONLY')) };
    const guarded = worker(url, { store });
    expect(await guarded.request(post())).toMatchObject({ kind: 'throttled', retryAfterMs: 5_000 });
    expect(await guarded.request(post())).toMatchObject({ kind: 'throttled', code: 'gate_closed' });
    expect(received).toHaveLength(1);
  });
});

describe('an endpoint of a guarded provider', () => {
  const STRIPE_LIKE = {
    readError: (status: number, body: unknown) =>
      status === 429 ? { code: 'limited', limited: (body as { limited?: 'object' }).limited } : undefined,
  };
  const serve = () =>
    serveHttp(({ url: path }, response) =>
      path.startsWith('/slow')
        ? json(response, 429, {}, { 'retry-after': '60' })
        : path.startsWith('/locked')
          ? json(response, 429, { limited: 'object' }, { 'retry-after': '60' })
          : json(response, 200, { id: 'a' }),
    );

  it('that is refused is stayed away from, and the others are not', async () => {
    const { url, received } = await serve();
    const guard = createGuard({ provider: 'p', account: url, store: shared.store(), longestCallMs: 5_000 });
    const http = client(url, { guard });
    const slow = post({ path: '/slow', endpoint: 'slow' });
    expect(await http.request(slow)).toMatchObject({ kind: 'throttled', code: 'http_429' });
    expect(await http.request(slow)).toMatchObject({ kind: 'throttled', code: 'gate_closed' });
    for (const endpoint of ['fast', undefined])
      expect(await http.request(post({ ...(endpoint && { endpoint }) }))).toMatchObject({ kind: 'ok' });
    expect(received).toHaveLength(3);
    await guard.close();
    const [health] = await providerHealth(shared.store());
    expect(health?.limit.closedForMs).toBe(0);
    expect(health?.endpoints).toMatchObject([{ endpoint: 'slow' }]);
    expect(health?.endpoints[0]?.closedForMs).toBeGreaterThan(50_000);
  });

  it('that has a learned limit: what it takes is told at once, for others learn from it', async () => {
    const { url } = await serveHttp(({ url: path }, response) =>
      json(response, path.startsWith('/no') ? 429 : 200, { id: 'a' }, { 'retry-after': '0' }),
    );
    const guard = createGuard({ provider: 'p', account: url, store: shared.store(), longestCallMs: 5_000 });
    onTestFinished(() => guard.close());
    const http = client(url, { guard });
    await http.request(post({ path: '/no', endpoint: 'x' }));
    await expect.poll(async () => (await http.request(post({ endpoint: 'x' }))).kind).toBe('ok');
    // sooner than the report of every second
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    expect((await http.request(post({ endpoint: 'x' }))).kind).toBe('ok');
    const taken = async () => {
      const [key = ''] = await shared.connection().keys('*/at/x/taken');
      return Object.values(await shared.connection().hgetall(key)).length;
    };
    await expect.poll(taken, { timeout: 500, interval: 10 }).toBe(2);
  });

  it('is not slowed by a lock on one object', async () => {
    const { url } = await serve();
    const guard = createGuard({ provider: 'p', account: url, store: shared.store(), longestCallMs: 5_000 });
    onTestFinished(() => guard.close());
    const http = client(url, { guard, ...STRIPE_LIKE });
    const locked = await http.request(post({ path: '/locked', endpoint: 'x' }));
    expect(locked).toMatchObject({ kind: 'throttled', retryAfterMs: 60_000 });
    expect(await http.request(post({ endpoint: 'x' }))).toMatchObject({ kind: 'ok' });
  });
});

describe('health', () => {
  it('is counted over all workers, and shows no secret', async () => {
    const secret = 'sk_canary_4242';
    const { url } = await serveHttp(({ url: path, headers }, response) => {
      if (path === '/ok') json(response, 200, { id: 'a' });
      else json(response, 422, { said: headers.authorization }, { 'request-id': 'req_1' });
    });
    const store = shared.store();
    const guards = [0, 1].map(() =>
      createGuard({ provider: 'p', account: `${url} ${secret}`, store, longestCallMs: 5_000 }),
    );
    const clients = guards.map((guard) => client(url, { guard, auth: bearer(secret) }));
    for (const http of clients) {
      await http.request(post({ path: '/ok' }));
      await http.request(post({ path: '/no', origin: { runId: 'run_1', reference: 'r', attempt: 1 } }));
    }
    await Promise.all(guards.map((guard) => guard.close()));

    const [health, ...others] = await providerHealth(store);
    expect(others).toEqual([]);
    expect(health).toMatchObject({
      provider: 'p',
      account: expect.stringMatching(/^[0-9a-f]{8}$/),
      calls: 4,
      outcomes: { ok: 2, rejected: 2, throttled: 0, unavailable: 0, in_doubt: 0 },
      errorRate: 0,
      latencyMs: { p50: expect.any(Number), p95: expect.any(Number), p99: expect.any(Number) },
      errors: [{ kind: 'rejected', code: 'http_422', count: 2 }],
      waits: { breaker: 0, gate: 0, concurrency: 0, rate: 0 },
      limit: { closedForMs: 0, slotsHeld: 0 },
      breaker: { state: 'closed' },
    });
    expect(health?.lastErrors).toHaveLength(2);
    expect(health?.lastErrors[0]).toMatchObject({ status: 422, requestId: 'req_1', runId: 'run_1' });
    const keys = await shared.connection().keys('*');
    expect(JSON.stringify([keys, health])).not.toContain('canary');
  });

  it('says where limit and breaker stand, and how often calls were put off', async () => {
    const { url } = await provider([429, { 'retry-after': '30' }]);
    const store = shared.store();
    const guard = createGuard({ provider: 'p', account: url, store, longestCallMs: 5_000 });
    const http = client(url, { guard });
    await http.request(post());
    await http.request(post());
    await guard.close();
    const [health] = await providerHealth(store);
    expect(health).toMatchObject({ calls: 1, errorRate: 1, waits: { gate: 1 } });
    expect(health?.limit.closedForMs).toBeGreaterThan(20_000);
  });

  it('keeps the last hundred errors', async () => {
    const { url } = await provider([404]);
    const store = shared.store();
    const guard = createGuard({ provider: 'p', account: url, store, longestCallMs: 5_000 });
    const http = client(url, { guard });
    for (let n = 0; n < 60; n += 1) await http.request(post());
    await guard.close();
    const again = createGuard({ provider: 'p', account: url, store, longestCallMs: 5_000 });
    const more = client(url, { guard: again });
    for (let n = 0; n < 60; n += 1) await more.request(post());
    await again.close();
    const [health] = await providerHealth(store);
    expect(health?.lastErrors).toHaveLength(100);
    expect(health?.errors).toEqual([{ kind: 'rejected', code: 'http_404', count: 120 }]);
  });
});

describe('a call that was let in but has no connection yet', () => {
  it('is not made when the provider asks another one to stay away meanwhile', async () => {
    const guard = createGuard({ provider: 'p', account: '', store: shared.store(), longestCallMs: 5_000 });
    onTestFinished(() => guard.close());
    const signal = new AbortController().signal;
    const trouble = { message: 'x', details: {} };
    let answers: number[] = [];
    const outcome = await guard.through({ signal }, async (mayStart) => {
      answers = [...answers, Number(mayStart())];
      await guard.through({ signal }, async () => ({
        ...trouble,
        ...{ kind: 'throttled' as const, code: 'http_429', retryAfterMs: 5_000 },
      }));
      answers = [...answers, Number(mayStart())];
      return { ...trouble, kind: 'unavailable' as const, code: 'not_started', unsent: true as const };
    });
    expect(answers).toEqual([1, 0]);
    expect(outcome).toMatchObject({ kind: 'throttled', code: 'gate_closed', unsent: true });
    expect(outcome.kind === 'throttled' && (outcome.retryAfterMs ?? 0)).toBeGreaterThan(4_000);
  });

  it('is let in again when it took long to connect, and made once', async () => {
    const { url, received } = await provider([200]);
    const guard = createGuard({ provider: 'p', account: '', store: shared.store(), longestCallMs: 5_000 });
    onTestFinished(() => guard.close());
    const http = client(url);
    const clock = vi.spyOn(performance, 'now');
    onTestFinished(() => clock.mockRestore());
    const starts: boolean[] = [];
    const outcome = await guard.through({ signal: new AbortController().signal }, (mayStart) => {
      const late = performance.now() + (starts.length === 0 ? 400 : 0);
      clock.mockReturnValueOnce(late).mockReturnValueOnce(late);
      const may = mayStart();
      starts.push(may);
      return http.request(post({ mayStart: () => may }));
    });
    expect(outcome.kind).toBe('ok');
    expect(starts).toEqual([false, true]);
    expect(received).toHaveLength(1);
  });

  it('sends not a byte', async () => {
    const { url, received } = await provider([200]);
    const outcome = await client(url).request(post({ mayStart: () => false }));
    expect(outcome).toMatchObject({ kind: 'unavailable', code: 'not_started', unsent: true });
    expect(await client(url).request(post({ mayStart: () => true }))).toMatchObject({ kind: 'ok' });
    expect(received).toHaveLength(1);
  });
});
