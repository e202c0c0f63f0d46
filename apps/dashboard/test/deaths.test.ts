import { connectRedis, createLogger } from '@holdfast/app-kit';
import { createClient } from '@holdfast/engine';
import { orderContract } from '@holdfast/flows';
import { createOperations } from '@holdfast/operations';
import { waitFor } from '@holdfast/testkit';
import { expect, test } from 'vitest';
import { startOrderWorker, startTestDashboard } from './support/test-dashboard.ts';

const DEATHS = 400;

test('400 deaths; Retry all in Bull Board and two bulk redrives at the same time: every run completes once', async () => {
  const dashboard = await startTestDashboard();
  const worker = startOrderWorker(dashboard.redis.url);
  const log = createLogger('test', 'silent');
  const connection = connectRedis({ urls: [dashboard.redis.url] }, { for: 'worker' }, log);
  const client = createClient({ connection, flows: [orderContract] });
  const operations = createOperations({ client, connection, log });
  const lettersLeft = async () => {
    const { text } = await dashboard.ask({
      path: '/queues/api/queues?activeQueue=dead-letters&status=failed',
    });
    const { queues } = JSON.parse(text);
    return queues.find(({ name }: { name: string }) => name === 'dead-letters').counts.failed;
  };
  try {
    const runIds = await Promise.all(Array.from({ length: DEATHS }, (_, n) => worker.submit(`death-${n}`)));
    await waitFor(async () => (await lettersLeft()) === DEATHS, { what: 'all letters', timeoutMs: 15_000 });
    worker.mend();

    const bulk = { tenant: 'dev', flow: 'order', code: 'type_error', limit: '1000', ratePerSecond: '1000' };
    const [all, ...bulks] = await Promise.all([
      dashboard.ask({ method: 'PUT', path: '/queues/api/queues/dead-letters/retry/failed' }),
      dashboard.ask({ path: '/dead-letters/redrive', form: bulk }),
      dashboard.ask({ path: '/dead-letters/redrive', form: bulk }),
    ]);
    expect([all.status, ...bulks.map(({ status }) => status)]).toEqual([200, 303, 303]);

    await waitFor(() => worker.charges.size === DEATHS, { what: 'all to be charged', timeoutMs: 15_000 });
    await Promise.all(
      runIds.map((runId) =>
        waitFor(async () => (await worker.statusOf(runId)) === 'completed', { what: `${runId} to complete` }),
      ),
    );
    expect(runIds.filter((runId) => worker.charges.get(runId) !== 1)).toEqual([]);
    expect(await lettersLeft()).toBe(0);
    const { runs } = await client.listDead('dev');
    expect(runs).toEqual([]);

    const own = await Promise.all(runIds.map((runId) => operations.audit('dev', { runId })));
    expect(
      own.filter(({ data }) => data.filter(({ outcome }) => outcome === 'redriven').length !== 1),
    ).toEqual([]);
    expect(own[0]?.data[0]).toMatchObject({
      actor: 'ada',
      via: 'dashboard',
      action: 'redrive',
      before: 'dead',
    });
    const overview = await waitFor(
      async () => {
        const { text } = await dashboard.ask({ path: '/' });
        return !text.includes('ada redrives') && text;
      },
      { what: 'all three to have ended' },
    );
    const redriven = [...overview.matchAll(/ada redrove [^:]+: (\d+) redriven/g)].map(([, count]) =>
      Number(count),
    );
    expect(redriven).toHaveLength(3);
    expect(redriven.reduce((sum, count) => sum + count, 0)).toBe(DEATHS);
    expect(JSON.parse(all.text).retried).toBeLessThanOrEqual(DEATHS);
  } finally {
    await client.close();
    connection.disconnect();
    await worker.stop();
    await dashboard.stop();
  }
});
