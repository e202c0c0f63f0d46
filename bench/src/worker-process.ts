import { Redis } from 'ioredis';
import { contenders } from './contenders/all.ts';
import type { RunningWorker } from './contenders/contender.ts';
import { cpuMs, monotonicMs, type WorkerOrder, type WorkerReport } from './protocol.ts';
import { readPlan, serve } from './serve.ts';

const { contender, redisUrl } = readPlan();
let running: { readonly worker: RunningWorker; readonly connection: Redis } | undefined;
let runs = 0;
let steps = 0;
let firstRunAtMs: number | undefined;

serve<WorkerOrder, WorkerReport>(async (order) => {
  if (order.do === 'start') start(order.concurrency);
  if (order.do === 'stop') await stop();
  const peakRssBytes = process.resourceUsage().maxRSS * 1_024;
  return { cpuMs: cpuMs(), peakRssBytes, runs, steps, firstRunAtMs };
});

function start(concurrency: number): void {
  firstRunAtMs = undefined;
  const connection = new Redis(redisUrl, { maxRetriesPerRequest: null });
  const worker = contenders[contender].startWorker({
    connection,
    redisUrl,
    concurrency,
    onRun: () => {
      runs += 1;
      firstRunAtMs ??= monotonicMs();
    },
    onStep: () => {
      steps += 1;
    },
  });
  running = { worker, connection };
}

async function stop(): Promise<void> {
  await running?.worker.close();
  running?.connection.disconnect();
  running = undefined;
}
