import { type Overview, type RunObserver, readOverview, readQueueDepths } from '@holdfast/engine';
import type { RedisConnection } from '@holdfast/redis';
import { Counter, Histogram, type Registry } from 'prom-client';
import { oncePerScrape, sharedGauge } from './shared-gauges.ts';

const STEP_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const RUN_SECONDS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800, 7_200, 86_400];

/** What this worker's runs come to, and how all runs stand, as metrics. */
export function runMetrics(
  registry: Registry,
  connection: RedisConnection,
  flows: readonly string[],
): RunObserver {
  const registers = [registry];
  const calls = new Counter({
    name: 'holdfast_step_calls_total',
    help: 'Calls that steps made: their effect (run), its undo, or whether it happened (look_up), by what came of them.',
    labelNames: ['flow', 'step', 'what', 'outcome'],
    registers,
  });
  const durations = new Histogram({
    name: 'holdfast_step_call_duration_seconds',
    help: 'How long the calls of steps took.',
    labelNames: ['flow', 'step', 'what'],
    buckets: STEP_SECONDS,
    registers,
  });
  const ended = new Counter({
    name: 'holdfast_runs_ended_total',
    help: 'Runs that ended or died here. A dead run that is redriven may end again.',
    labelNames: ['flow', 'status'],
    registers,
  });
  const deaths = new Counter({
    name: 'holdfast_runs_died_total',
    help: 'Runs that died here, by kind and code of the reason.',
    labelNames: ['flow', 'kind', 'code'],
    registers,
  });
  const runDurations = new Histogram({
    name: 'holdfast_run_duration_seconds',
    help: 'From a run being accepted to its end.',
    labelNames: ['flow', 'status'],
    buckets: RUN_SECONDS,
    registers,
  });
  const startDelays = new Histogram({
    name: 'holdfast_run_start_delay_seconds',
    help: 'From a run being accepted to a worker taking it up for the first time.',
    labelNames: ['flow'],
    buckets: RUN_SECONDS,
    registers,
  });
  const takeovers = new Counter({
    name: 'holdfast_runs_taken_over_total',
    help: 'Runs taken up here that another worker had and did not let go: it died, or lost the run.',
    labelNames: ['flow'],
    registers,
  });
  addStandings(registry, connection, flows);
  return {
    called({ flow, step, what, outcome, durationMs }) {
      calls.inc({ flow, step, what, outcome });
      durations.observe({ flow, step, what }, durationMs / 1_000);
    },
    ended(end) {
      const { flow, status, durationMs } = end;
      ended.inc({ flow, status });
      if (end.status === 'dead') deaths.inc({ flow, kind: end.kind, code: end.code });
      else runDurations.observe({ flow, status }, durationMs / 1_000);
    },
    claimed({ flow, waitedMs, takenOver }) {
      if (waitedMs !== undefined) startDelays.observe({ flow }, waitedMs / 1_000);
      if (takenOver) takeovers.inc({ flow });
    },
  };
}

/** What Redis tells of all runs; every worker shows the same. */
function addStandings(registry: Registry, connection: RedisConnection, flows: readonly string[]): void {
  const overview = oncePerScrape(() => readOverview(connection, { spans: 1 }));
  const depths = oncePerScrape(() => readQueueDepths(connection, flows));
  const ofAll = (name: string, help: string, value: (overview: Overview) => number) =>
    sharedGauge(registry, { name, help, labelNames: [] }, async () => {
      const known = await overview();
      return known && [[{}, value(known)]];
    });
  ofAll('holdfast_runs_unfinished', 'Runs that have not ended; the dead ones too.', (o) => o.unfinished);
  ofAll('holdfast_runs_dead', 'Runs that wait for a person.', (o) => o.dead);
  ofAll(
    'holdfast_oldest_unfinished_seconds',
    'Age of the oldest run that has not ended and is not dead, of the 500 to be looked at next; 0 without any.',
    ({ now, waiting: [oldest] }) => (oldest ? (now - oldest.createdAt) / 1_000 : 0),
  );
  sharedGauge(
    registry,
    {
      name: 'holdfast_queue_jobs',
      help: 'Jobs by queue and state: waiting for a worker, active, delayed until a retry, timer or signal, failed (letters).',
      labelNames: ['queue', 'state'],
    },
    async () =>
      (await depths())?.flatMap(({ queue, ...states }) =>
        Object.entries(states).map(([state, jobs]) => [{ queue, state }, jobs] as const),
      ),
  );
}
