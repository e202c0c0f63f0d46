// Three workers learn a limit of 20 calls a second that nobody told them. Draws docs/limits.svg; exit 1 when less than 90 % of it is used
// after it was learned, when a call comes within its Retry-After, or when a payment is not completed.
// usage: node scripts/plot-limits.mjs [--payments 1200] [--out docs/limits.svg]
import { writeFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { limitPlot } from './support/limit-plot.mjs';
import { limitedStripe } from './support/limited-stripe.mjs';
import { startPaymentFleet } from './support/payment-fleet.mjs';

const ALLOWED = 20;
const RETRY_AFTER_S = 1;
const LEARNED_AFTER_S = 5;
/** A crowd, and then a little more than the provider allows. */
const FIRST_PAYMENTS = 150;
const PAYMENTS_PER_SECOND = 22;

const { values } = parseArgs({
  options: {
    payments: { type: 'string', default: '1200' },
    out: { type: 'string', default: 'docs/limits.svg' },
  },
});
const payments = Number(values.payments);

const stripe = await limitedStripe({ perSecond: ALLOWED, retryAfterS: RETRY_AFTER_S });
const fleet = await startPaymentFleet({ paymentUrl: stripe.url, workers: 3 });
const samples = [];
const sampler = setInterval(async () => {
  const health = await fleet.health();
  if (health)
    samples.push({
      atMs: Date.now(),
      perSecond: health.limit.learnedPerSecond ?? health.endpoints[0]?.learnedPerSecond,
    });
}, 250);
let failures = [];
try {
  await fleet.startWorkers();
  const runIds = await fleet.submit(0, FIRST_PAYMENTS);
  while (runIds.length < payments) {
    await delay(1_000);
    runIds.push(
      ...(await fleet.submit(runIds.length, Math.min(PAYMENTS_PER_SECOND, payments - runIds.length))),
    );
  }
  const runs = await fleet.ended(runIds, (payments / ALLOWED) * 4_000 + 60_000);
  clearInterval(sampler);

  const [first] = stripe.arrivals;
  const since = ({ atMs }) => (atMs - first.atMs) / 1_000;
  const taken = stripe.arrivals.filter(({ status }) => status === 200).map(since);
  const refused = stripe.arrivals.filter(({ status }) => status === 429).map(since);
  const seconds = Math.ceil(taken.at(-1));
  const bySecond = (times) =>
    Array.from({ length: seconds }, (_, s) => times.filter((at) => Math.floor(at) === s).length);

  const until = taken.at(-ALLOWED);
  const used = taken.filter((at) => at > LEARNED_AFTER_S && at <= until).length;
  const share = used / (ALLOWED * (until - LEARNED_AFTER_S));
  const early = stripe.arrivals.filter((call, i) =>
    stripe.arrivals
      .slice(0, i)
      .some((b) => b.status === 429 && b.key === call.key && call.atMs < b.atMs + RETRY_AFTER_S * 1_000),
  ).length;
  const notCompleted = runs.filter(({ status }) => status !== 'completed').length;
  const summary = `${payments} payments, three workers, ${ALLOWED} calls a second allowed, 429 with Retry-After ${RETRY_AFTER_S} otherwise. ${refused.length} of ${stripe.arrivals.length} calls were refused, ${refused.filter((at) => at > LEARNED_AFTER_S).length} of them after ${LEARNED_AFTER_S} s; from then on ${(100 * share).toFixed(1)} % of what is allowed was used. ${early} calls came before their Retry-After; ${notCompleted} payments were not completed.`;
  const limit = samples
    .map(({ atMs, perSecond }) => ({ at: (atMs - first.atMs) / 1_000, perSecond }))
    .filter(({ at }) => at >= 0 && at <= seconds);
  await writeFile(
    values.out,
    limitPlot({
      seconds,
      allowed: ALLOWED,
      limit,
      taken: bySecond(taken),
      refused: bySecond(refused),
      summary,
    }),
  );
  console.log(`${summary}\nThe picture is ${values.out}.`);
  failures = [
    share < 0.9 && `only ${(100 * share).toFixed(1)} % was used`,
    early > 0 && `${early} calls came early`,
    notCompleted > 0 && `${notCompleted} payments were not completed`,
  ].filter(Boolean);
} finally {
  clearInterval(sampler);
  await fleet.stop();
  stripe.close();
}
if (failures.length > 0) {
  console.error(`It did not hold: ${failures.join('; ')}.`);
  process.exitCode = 1;
}
