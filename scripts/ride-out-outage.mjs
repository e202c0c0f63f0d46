// A provider is down for half a minute while payments come in. Exit 1 unless the breaker opens, only probes go, no run fails, and all
// complete once it is back. usage: node scripts/ride-out-outage.mjs [--seconds 30] [--per-second 10]
// With --waiting 20000: so many runs wait for it instead. Exit 1 unless flows that do not need it keep nine tenths of their throughput (by the
// clock, or by CPU time where the machine has other things to do), and
// those that waited come back no faster than the provider takes them.
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { rideOutBacklog } from './support/backlog.mjs';
import { limitedStripe } from './support/limited-stripe.mjs';
import { startPaymentFleet } from './support/payment-fleet.mjs';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '30' },
    'per-second': { type: 'string', default: '10' },
    waiting: { type: 'string' },
  },
});
const seconds = Number(values.seconds);
const perSecond = Number(values['per-second']);

if (values.waiting !== undefined) {
  const perSecond = 200;
  const stripe = await limitedStripe({ perSecond, retryAfterS: 1 });
  const waiting = Number(values.waiting);
  const seen = await rideOutBacklog({ waiting, stripe });
  stripe.close();
  const { before, during } = seen;
  const kept = during.perSecond / before.perSecond;
  const keptByCpu = during.perCpuSecond / before.perCpuSecond;
  console.log(
    [
      `${waiting} runs wait for a provider that is down. Flows that do not need it: ${before.perSecond.toFixed(0)} runs a second before, ` +
        `${during.perSecond.toFixed(0)} during the outage (${percent(kept)}); ` +
        `for each second of CPU time ${before.perCpuSecond.toFixed(0)} before, ${during.perCpuSecond.toFixed(0)} during (${percent(keptByCpu)}).`,
      `In the half minute after it was back ${seen.after} of them were served, ${seen.busiestSecond} in the busiest second; ` +
        `the provider takes ${perSecond} a second and refused ${seen.refused}.`,
    ].join('\n'),
  );
  // on a machine that does other things meanwhile, what a second of CPU time is good for says more than the clock
  process.exit(
    Math.max(kept, keptByCpu) >= 0.9 && seen.busiestSecond <= perSecond && seen.refused === 0 ? 0 : 1,
  );
}

const stripe = await limitedStripe({ perSecond: 100_000, retryAfterS: 1 });
const fleet = await startPaymentFleet({ paymentUrl: stripe.url, workers: 3 });
let failures = [];
try {
  await fleet.startWorkers();
  const runIds = [...(await fleet.submit(0, perSecond * 2))];
  await delay(3_000);
  stripe.goDown();
  const downAt = Date.now();
  let opened;
  for (let second = 0; second < seconds; second += 1) {
    runIds.push(...(await fleet.submit(runIds.length, perSecond)));
    await delay(1_000);
    const health = await fleet.health();
    if (!opened && health && health.breaker.state !== 'closed') opened = Date.now();
  }
  stripe.comeBack();
  const backAt = Date.now();
  const runs = await fleet.ended(runIds, 120_000);
  const endedAt = Date.now();

  const inVain = stripe.arrivals.filter(({ status }) => status === 0);
  const probes = inVain.filter(({ atMs }) => opened !== undefined && atMs > opened);
  const together = probes.filter(({ atMs }, i) => i > 0 && atMs - probes[i - 1].atMs < 500).length;
  const notCompleted = runs.filter(({ status }) => status !== 'completed').length;
  console.log(
    [
      `${runs.length} payments, ${perSecond} a second; payment was down for ${((backAt - downAt) / 1_000).toFixed(0)} s.`,
      opened === undefined
        ? 'The breaker did not open.'
        : `The breaker was seen open after ${((opened - downAt) / 1_000).toFixed(1)} s; then ${probes.length} probes, ${together} of them close together.`,
      `${inVain.length} calls came in vain. All payments had ended ${((endedAt - backAt) / 1_000).toFixed(1)} s after it was back, ${notCompleted} of them not completed.`,
    ].join('\n'),
  );
  failures = [
    opened === undefined && 'the breaker did not open',
    probes.length > seconds && `${probes.length} probes are too many`,
    together > 0 && 'probes came together',
    notCompleted > 0 && `${notCompleted} payments were not completed`,
    stripe.charges.size !== runs.length && `${stripe.charges.size} charges for ${runs.length} payments`,
  ].filter(Boolean);
} finally {
  await fleet.stop();
  stripe.close();
}
if (failures.length > 0) {
  console.error(`It did not hold: ${failures.join('; ')}.`);
  process.exitCode = 1;
}

function percent(share) {
  return `${(share * 100).toFixed(0)} %`;
}
