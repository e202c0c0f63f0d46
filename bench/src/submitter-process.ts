import { QueueEvents } from 'bullmq';
import { Redis } from 'ioredis';
import { contenders } from './contenders/all.ts';
import { cpuMs, type SubmitterOrder, type SubmitterReport } from './protocol.ts';
import { readPlan, serve } from './serve.ts';

const plan = readPlan();
const contender = contenders[plan.contender];
const connection = new Redis(plan.redisUrl, { maxRetriesPerRequest: null });
const submitter = contender.openSubmitter(connection);
let submitted = 0;

serve<SubmitterOrder, SubmitterReport>(async (order) => {
  const latenciesMs =
    order.do === 'submit'
      ? await submitMany(order.count, order.inFlight)
      : await submitOneAtATime(order.count);
  return { cpuMs: cpuMs(), latenciesMs };
});

async function submitMany(count: number, inFlight: number): Promise<number[]> {
  let left = count;
  const lane = async () => {
    while (left > 0) {
      left -= 1;
      await submitter.submit(++submitted);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, lane));
  return [];
}

async function submitOneAtATime(count: number): Promise<number[]> {
  const { name, prefix } = contender.queue;
  const events = new QueueEvents(name, {
    connection: { url: plan.redisUrl },
    prefix,
    // not from the moment on in which it happens to begin to listen: the first run may have ended by then
    lastEventId: await lastEventId(`${prefix}:${name}:events`),
  });
  const completed = new Map<string, () => void>();
  const early = new Set<string>();
  events.on('completed', ({ jobId }) => {
    const seen = completed.get(jobId);
    if (seen) seen();
    else early.add(jobId);
  });
  await events.waitUntilReady();
  const latenciesMs: number[] = [];
  for (let i = 0; i < count; i += 1) {
    const from = performance.now();
    const jobId = await submitter.submit(++submitted);
    await new Promise<void>((resolve) => {
      if (early.delete(jobId)) resolve();
      else completed.set(jobId, resolve);
    });
    completed.delete(jobId);
    latenciesMs.push(performance.now() - from);
  }
  await events.close();
  return latenciesMs;
}

async function lastEventId(stream: string): Promise<string> {
  const [last] = await connection.xrevrange(stream, '+', '-', 'COUNT', 1);
  return last?.[0] ?? '0-0';
}
