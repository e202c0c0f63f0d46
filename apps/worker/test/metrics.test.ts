import { readFile } from 'node:fs/promises';
import { waitFor } from '@holdfast/testkit';
import { expect, it } from 'vitest';
import { startSystem } from './system.ts';

function readings(text: string) {
  return (metric: string, ...labels: string[]): number | undefined => {
    const line = text
      .split('\n')
      .find((each) => each.startsWith(`${metric}{`) && labels.every((label) => each.includes(label)));
    return line === undefined ? undefined : Number(line.split(' ').at(-1));
  };
}

it('calls, their outcomes and times are metrics, without a run among the labels; credentials that are refused count by their code', async () => {
  const { submit, ended, worker, fault } = await startSystem();
  await ended(await submit('order-1'));
  await fault({ provider: 'inventory', operation: 'reserve', fault: 'error', status: 401 });
  await ended(await submit('order-2'));
  const text = await (await fetch(`${worker.url}/metrics`)).text();
  const value = readings(text);
  expect(value('holdfast_provider_calls_total', 'provider="payment"', 'outcome="ok"')).toBe(2);
  expect(value('holdfast_provider_calls_total', 'provider="shipping"', 'outcome="ok"')).toBe(2);
  expect(value('holdfast_provider_calls_total', 'code="credentials_refused"')).toBe(1);
  expect(value('holdfast_provider_call_duration_seconds_count', 'provider="email"')).toBe(1);
  expect(text).toContain('# TYPE holdfast_provider_limit_per_second gauge');
  expect(text).not.toMatch(/run_[0-9a-f]{8}/);
});

it('metrics answer while Redis is away; a worker that is stopped meanwhile does not wait for it', async () => {
  const { submit, ended, worker, redis } = await startSystem();
  await ended(await submit('order-1'));
  await redis.kill('SIGKILL');
  const response = await waitFor(() => fetch(`${worker.url}/metrics`), { what: 'metrics without Redis' });
  expect(response.status).toBe(200);
  expect(await response.text()).toContain('holdfast_provider_calls_total');
  const from = performance.now();
  await worker.close();
  expect(performance.now() - from).toBeLessThan(10_000);
});

it('a worker can be stopped while it connects to Redis again', async () => {
  const { submit, ended, worker, redis } = await startSystem();
  await ended(await submit('order-1'));
  await redis.kill('SIGKILL');
  await redis.start();
  const from = performance.now();
  await worker.close();
  expect(performance.now() - from).toBeLessThan(10_000);
});

it('runs, their steps and their deaths are metrics, and so is how all runs and queues stand', async () => {
  const { submit, ended, worker, fault } = await startSystem();
  await ended(await submit('order-1'));
  await fault({ provider: 'inventory', operation: 'reserve', fault: 'error', status: 503, times: 50 });
  expect((await ended(await submit('order-2'))).status).toBe('dead');
  const text = await (await fetch(`${worker.url}/metrics`)).text();
  const value = readings(text);
  expect(value('holdfast_runs_ended_total', 'flow="order"', 'status="completed"')).toBe(1);
  expect(value('holdfast_step_calls_total', 'step="charge"', 'what="run"', 'outcome="ok"')).toBe(2);
  expect(value('holdfast_step_call_duration_seconds_count', 'step="ship"')).toBe(1);
  expect(value('holdfast_run_start_delay_seconds_count', 'flow="order"')).toBe(2);
  expect(value('holdfast_queue_jobs', 'queue="order"', 'state="waiting"')).toBe(0);
  expect(value('holdfast_runs_died_total', 'flow="order"', 'kind="in_doubt"')).toBe(1);
  expect(value('holdfast_runs_dead')).toBe(1);
  expect(value('holdfast_runs_unfinished')).toBe(1);

  const served = new Set([...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name));
  for (const file of ['operating.md', 'grafana-dashboard.json']) {
    const told = await readFile(new URL(`../../../docs/${file}`, import.meta.url), 'utf8');
    const names = [...told.matchAll(/\bholdfast_[a-z_]*[a-z]\b/g)].map(([name]) =>
      name.replace(/_(bucket|count|sum)$/, ''),
    );
    expect(names.length).toBeGreaterThan(10);
    expect(names.filter((name) => name !== 'holdfast_provider' && !served.has(name))).toEqual([]);
  }
});
