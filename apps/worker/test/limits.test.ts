import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startSandbox } from '@holdfast/sandbox';
import { expect, it, onTestFinished } from 'vitest';
import { type Arrival, limitedStripe } from './limited-stripe.ts';
import { orders, redisForTest } from './system.ts';
import { startWorkerProcesses } from './worker-process.ts';

const PER_SECOND = 20;
const RETRY_AFTER_MS = 1_000;
const ORDERS = 200;
/** Back near the ceiling after a refusal, with the Retry-After. */
const LEARNS_WITHIN_MS = RETRY_AFTER_MS + 2_000;
/** Until all workers know of a refusal, on a busy machine. */
const KNOWN_WITHIN_MS = 500;

it('three workers share a limit that nobody told them, lose no attempt to it, and use it', async () => {
  const stripe = await limitedStripe({ perSecond: PER_SECOND, retryAfterS: RETRY_AFTER_MS / 1_000 });
  const redis = await redisForTest();
  const dataDir = await mkdtemp(join(tmpdir(), 'holdfast-limits-'));
  const sandbox = await startSandbox({ port: 0, smtpPort: 0, dataDir });
  onTestFinished(async () => {
    await sandbox.close();
    await rm(dataDir, { recursive: true, force: true });
  });
  const { submit, ended } = orders(redis.url);
  const runIds = await Promise.all(Array.from({ length: ORDERS }, (_, n) => submit(`order-${n}`)));
  await startWorkerProcesses(3, {
    HOLDFAST_REDIS_URL: redis.url,
    HOLDFAST_PAYMENT_URL: stripe.url,
    HOLDFAST_INVENTORY_URL: `${sandbox.url}/inventory`,
    HOLDFAST_SHIPPING_URL: `${sandbox.url}/shipping`,
    HOLDFAST_EMAIL_URL: sandbox.smtpUrl,
  });
  const runs = await Promise.all(runIds.map((runId) => ended(runId, 60_000)));

  expect(runs.filter(({ status }) => status !== 'completed')).toEqual([]);
  expect(stripe.charges.size).toBe(ORDERS);
  const { arrivals } = stripe;
  const firstWave = refusalsOfTheFirstWave(arrivals);
  expect(firstWave.length).toBeGreaterThan(0);
  const firstWaveMs = firstWave.at(-1)?.atMs ?? 0;
  expect(tooEarly(arrivals, firstWaveMs)).toEqual([]);
  // a refusal by chance costs a twentieth of so short a time; over a minute it is nine tenths (scripts/plot-limits.mjs)
  expect(usedShare(arrivals, firstWaveMs + LEARNS_WITHIN_MS)).toBeGreaterThan(0.85);
}, 90_000);

/** The workers come one after the other, and all that is under way at the first refusal has been sent already. */
function refusalsOfTheFirstWave(arrivals: readonly Arrival[]): Arrival[] {
  const refusals = arrivals.filter(({ status }) => status === 429);
  const gap = refusals.findIndex(
    ({ atMs }, n) => n > 0 && atMs - (refusals[n - 1]?.atMs ?? 0) > RETRY_AFTER_MS,
  );
  return gap === -1 ? refusals : refusals.slice(0, gap);
}

/** Calls within a Retry-After: never with the refused key, nor with any other once the refusal could be known. */
function tooEarly(arrivals: readonly Arrival[], firstWaveMs: number): Arrival[] {
  return arrivals.filter((refusal, index) => {
    if (refusal.status !== 429) return false;
    const meanwhile = arrivals.slice(index + 1).filter(({ atMs }) => atMs < refusal.atMs + RETRY_AFTER_MS);
    return meanwhile.some(
      ({ atMs, key }) =>
        key === refusal.key || (refusal.atMs > firstWaveMs && atMs > refusal.atMs + KNOWN_WITHIN_MS),
    );
  });
}

/** Of what the provider would have taken: not while it wants no calls, and only until the last orders are under way. */
function usedShare(arrivals: readonly Arrival[], fromMs: number): number {
  const taken = arrivals.filter(({ status }) => status === 200);
  const untilMs = taken.at(-PER_SECOND)?.atMs ?? 0;
  const within = arrivals.filter(({ atMs }) => atMs > fromMs && atMs <= untilMs);
  const refused = within.filter(({ status }) => status === 429).length;
  const openMs = untilMs - fromMs - refused * RETRY_AFTER_MS;
  return (within.length - refused) / ((PER_SECOND * openMs) / 1_000);
}
