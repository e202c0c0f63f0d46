import { waitFor } from '@holdfast/testkit';
import { expect, it } from 'vitest';
import { limitedStripe } from './limited-stripe.ts';
import { startSystem } from './system.ts';

const ORDERS = 40;
const PROBES = 3;

it('a provider that is down under load: the breaker opens, only probes go, no run fails, all complete once it is back', async () => {
  const stripe = await limitedStripe({ perSecond: 1_000, retryAfterS: 1 });
  stripe.goDown();
  const { submit, get, ended, worker } = await startSystem({
    HOLDFAST_PAYMENT_URL: stripe.url,
    HOLDFAST_RETRY_SCALE: '0.05',
  });
  const runIds = await Promise.all(Array.from({ length: ORDERS }, (_, n) => submit(`order-${n}`)));

  const firstWave = await waitFor(
    async () => {
      const runs = await Promise.all(runIds.map(get));
      const waiting = runs.every((run) => run.status === 'suspended' && run.waitingFor?.kind === 'throttle');
      return waiting && stripe.inVain.length;
    },
    { what: 'all orders to wait for the open breaker', timeoutMs: 15_000 },
  );
  await waitFor(() => stripe.inVain.length >= firstWave + PROBES, {
    what: `${PROBES} probes more`,
    timeoutMs: 15_000,
  });
  const probes = stripe.inVain.slice(firstWave);
  const gaps = probes.slice(1).map((atMs, index) => atMs - (probes[index] ?? 0));
  expect(Math.min(...gaps)).toBeGreaterThan(200);
  expect(await (await fetch(`${worker.url}/metrics`)).text()).toMatch(
    /holdfast_provider_breaker_open\{provider="payment",[^}]*\} 1/,
  );

  stripe.comeBack();
  const runs = await Promise.all(runIds.map((runId) => ended(runId, 20_000)));
  expect(runs.filter(({ status }) => status !== 'completed')).toEqual([]);
  expect(stripe.charges.size).toBe(ORDERS);
}, 60_000);
