import { waitFor } from '@holdfast/testkit';
import { expect, it } from 'vitest';
import { createGuard, providerHealth, reopenProvider } from '../src/index.ts';
import { client, post } from './clients.ts';
import { json, serveHttp } from './servers.ts';
import { sharedRedis } from './shared-redis.ts';

const shared = sharedRedis();

it('a gate that a 429 has closed for ten minutes is opened by a person, for workers that know of it too', async () => {
  let limited = true;
  const { url, received } = await serveHttp((_, response) =>
    limited
      ? json(response, 429, { code: 'slow_down' }, { 'retry-after': '600' })
      : json(response, 200, { id: 'a' }),
  );
  const store = shared.store();
  const guards = ['one', 'two'].map(() =>
    createGuard({ provider: 'payment', account: url, store, longestCallMs: 5_000 }),
  );
  const [one, two] = guards.map((guard) => client(url, { guard }));
  if (!one || !two) throw new Error('no client');
  const refused = await one.request(post());
  // the gate keeps the ten minutes; the run itself looks in like the others
  expect(refused).toMatchObject({ kind: 'throttled', retryAfterMs: 60_000 });
  limited = false;
  const putOff = await two.request(post());
  // who was put off looks in again within a minute: a person may have opened it
  expect(putOff).toMatchObject({
    kind: 'throttled',
    code: 'gate_closed',
    retryAfterMs: 60_000,
    unsent: true,
  });
  await Promise.all(guards.map((guard) => guard.close()));
  const [health] = await providerHealth(store);
  expect(health?.limit.closedForMs).toBeGreaterThan(590_000);

  expect(await reopenProvider(store, 'shipping')).toBeUndefined();
  expect(await reopenProvider(store, 'payment')).toMatchObject([{ breaker: 'closed' }]);
  expect((await providerHealth(store))[0]?.limit.closedForMs).toBe(0);
  expect(await two.request(post())).toMatchObject({ kind: 'ok' });
  await waitFor(async () => (await one.request(post())).kind === 'ok', { what: 'the first worker to call' });
  expect(received.length).toBeGreaterThanOrEqual(3);
});

it('an open breaker is closed by a person', async () => {
  const { store, clock } = shared.clocked();
  const settle = (n: number) =>
    store.settle('p@1', {
      ...{ permit: `w.${n}`, admittedAtMs: clock.nowMs, verdict: 'failed', taken: new Map(), limits: {} },
      ...{ closedForMs: undefined, policyPerSecond: undefined },
      breaker: { firstMs: 1_000, maxMs: 4_000 },
    });
  for (let n = 1; n <= 5; n += 1) await settle(n);
  expect((await store.read('p@1', 1)).standing.breaker.state).toBe('open');
  expect(await store.reopen('p@1')).toEqual({ closedForMs: 0, breaker: 'open' });
  expect((await store.read('p@1', 1)).standing.breaker.state).toBe('closed');
  // what had failed before is forgotten
  await settle(6);
  expect((await store.read('p@1', 1)).standing.breaker.state).toBe('closed');
});
