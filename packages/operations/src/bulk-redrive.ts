import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Client, Run } from '@holdfast/engine';
import type { Actor, AuditLog } from './audit-log.ts';
import { statusAfter } from './status-after.ts';

export interface BulkRedrive {
  /** Only runs of this flow. */
  readonly flow?: string;
  /** Only runs that died of this code. */
  readonly code?: string;
  /** So many at most. */
  readonly limit: number;
  /** So many a second at most: each has a provider to go to. Default 50. */
  readonly ratePerSecond?: number;
  /** Counts, and does nothing. */
  readonly dryRun: boolean;
}

export interface BulkProgress {
  /** Dead runs that fit, up to the limit. */
  readonly matched: number;
  readonly redriven: number;
  /** Somebody else was faster: no longer dead when their turn came. */
  readonly skipped: number;
}

export interface BulkResult extends BulkProgress {
  /** More dead runs fit than the limit allowed, or it was stopped before the end. */
  readonly more: boolean;
  /** It was stopped by its signal. */
  readonly stopped: boolean;
}

const PAGE = 100;
const DEFAULT_RATE = 50;

interface Parts {
  readonly client: Client;
  readonly audit: AuditLog;
}

interface Order {
  readonly actor: Actor;
  readonly tenant: string;
  readonly which: BulkRedrive;
  readonly onProgress: ((progress: BulkProgress) => void) | undefined;
  readonly signal: AbortSignal | undefined;
}

/** @throws StoreUnavailableError; what was redriven stays so, and asked again it goes on */
export async function bulkRedrive(parts: Parts, order: Order): Promise<BulkResult> {
  if (order.which.dryRun) return walk(parts, order, async () => 'counted');
  const { actor, tenant, which } = order;
  const bulk = randomUUID();
  const { flow, code, limit, ratePerSecond = DEFAULT_RATE } = which;
  const asked = { bulk, ...(flow && { flow }), ...(code && { code }), limit, ratePerSecond };
  let reached: BulkProgress = { matched: 0, redriven: 0, skipped: 0 };
  const onProgress = (progress: BulkProgress) => {
    reached = progress;
    order.onProgress?.(progress);
  };
  const turn = pacer(ratePerSecond, order.signal);
  let ended = 'failed';
  try {
    const result = await walk(parts, { ...order, onProgress }, async (run) => {
      await turn();
      return order.signal?.aborted ? 'stopped' : redriveOne(parts, order, run, bulk);
    });
    ended = result.stopped ? 'stopped' : 'done';
    return result;
  } finally {
    // what it did is in the log already, run by run; this sums it up
    const detail = { ...asked, ...reached };
    await parts.audit
      .around(
        actor,
        { action: 'bulk_redrive', tenant },
        async () => {},
        () => ({ outcome: ended, detail }),
      )
      .catch(() => {});
  }
}

type Turn = 'redriven' | 'skipped' | 'counted' | 'stopped';

/** Takes each run that fits in turn, as the list stands when it gets there: what was redriven is no longer in it. */
async function walk(
  { client }: Parts,
  { tenant, which, onProgress, signal }: Order,
  take: (run: Run) => Promise<Turn>,
): Promise<BulkResult> {
  const { flow, code, limit } = which;
  const filter = { ...(flow !== undefined && { flow }), ...(code !== undefined && { code }) };
  const seen = { matched: 0, redriven: 0, skipped: 0 };
  const end = (more: boolean, stopped: boolean): BulkResult => ({ ...seen, more, stopped });
  let cursor: string | undefined;
  do {
    const page = await client.listDead(tenant, { ...filter, limit: PAGE, ...(cursor && { cursor }) });
    for (const run of page.runs) {
      if (seen.matched === limit) return end(true, false);
      if (signal?.aborted) return end(true, true);
      const took = await take(run);
      if (took === 'stopped') return end(true, true);
      seen.matched += 1;
      if (took !== 'counted') seen[took] += 1;
      onProgress?.({ ...seen });
    }
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  return end(false, false);
}

async function redriveOne(
  { client, audit }: Parts,
  { actor, tenant }: Order,
  run: Run,
  bulk: string,
): Promise<Turn> {
  const action = { action: 'redrive', tenant, runId: run.id, before: run.status, detail: { bulk } } as const;
  const outcome = await audit.around(
    ...([actor, action, () => client.redrive(tenant, run.id, deathOf(run))] as const),
    // nothing was done to a run that somebody else was faster with
    async (done) =>
      done === 'redriven' ? { outcome: done, ...(await statusAfter(client, run)) } : undefined,
  );
  return outcome === 'redriven' ? 'redriven' : 'skipped';
}

/** The one that was seen: a run that somebody else has redriven and that died again is not taken up twice. */
function deathOf(run: Run): number | undefined {
  return run.status === 'dead' ? run.deaths : undefined;
}

/** @returns waits until the next one may go: evenly spaced, never more than the rate, also after a slow one */
function pacer(perSecond: number, signal: AbortSignal | undefined): () => Promise<void> {
  const gapMs = 1_000 / perSecond;
  let nextAt = performance.now();
  return async () => {
    const waitMs = nextAt - performance.now();
    nextAt = Math.max(nextAt, performance.now()) + gapMs;
    if (waitMs > 0) await delay(waitMs, undefined, { signal }).catch(() => {});
  };
}
