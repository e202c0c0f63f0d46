import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Client, Json, Run, RunPage } from '@holdfast/engine';
import type { Action, Actor, AuditAction, AuditLog } from './audit-log.ts';
import { statusAfter } from './status-after.ts';

/** How far bulk work goes, and how fast. */
export interface BulkPace {
  /** At most this many runs. */
  readonly limit: number;
  /** Runs per second, at most; each run calls a provider. Default 50. */
  readonly ratePerSecond?: number;
  /** Counts, and does nothing. */
  readonly dryRun: boolean;
}

export interface BulkReached {
  /** Runs that fit, up to the limit. */
  readonly matched: number;
  readonly done: number;
  /** Nothing came of it: the run was no longer as it was listed. */
  readonly skipped: number;
}

export interface BulkEnd extends BulkReached {
  /** More runs fit than the limit allowed, or it was stopped before the end. */
  readonly more: boolean;
  /** It was stopped by its signal. */
  readonly stopped: boolean;
}

/** One kind of bulk work. */
export interface BulkWork<Outcome extends string> {
  /** A page of the runs that fit. */
  readonly list: (page: { readonly limit: number; readonly cursor?: string }) => Promise<RunPage>;
  /** Those of a page that are meant. Default: all. */
  readonly fits?: (run: Run) => boolean;
  readonly act: (run: Run) => Promise<Outcome | undefined>;
  /** The outcome of `act` that counts as done. */
  readonly done: Outcome;
  /** In the audit log, of one run and of the whole. */
  readonly action: Action['action'];
  readonly bulkAction: AuditAction;
  /** What was asked for, for the audit log. */
  readonly asked: { readonly [member: string]: Json };
}

export interface BulkOrder {
  readonly actor: Actor;
  readonly tenant: string;
  readonly pace: BulkPace;
  readonly onProgress?: ((reached: BulkReached) => void) | undefined;
  /** Stops it between two runs; what was done stays so. */
  readonly signal?: AbortSignal | undefined;
}

interface Parts {
  readonly client: Client;
  readonly audit: AuditLog;
}

const PAGE = 100;
const DEFAULT_RATE = 50;

/**
 * Does the same with many runs, one after the other, each with an entry in the audit log; an entry at the end sums it up.
 * @throws StoreUnavailableError; what was done stays so, and asked again it goes on
 */
export async function inBulk<O extends string>(
  parts: Parts,
  work: BulkWork<O>,
  order: BulkOrder,
): Promise<BulkEnd> {
  const { actor, tenant, pace, signal } = order;
  if (pace.dryRun) return walk(work, order, async () => 'counted');
  const { limit, ratePerSecond = DEFAULT_RATE } = pace;
  const bulk = randomUUID();
  let reached: BulkReached = { matched: 0, done: 0, skipped: 0 };
  const onProgress = (now: BulkReached) => {
    reached = now;
    order.onProgress?.(now);
  };
  const turn = pacer(ratePerSecond, signal);
  let ended = 'failed';
  try {
    const result = await walk(work, { ...order, onProgress }, async (run) => {
      await turn();
      return signal?.aborted ? 'stopped' : actOn(parts, work, order, run, bulk);
    });
    ended = result.stopped ? 'stopped' : 'done';
    return result;
  } finally {
    // what it did is in the log already, run by run; this sums it up
    const { matched, done, skipped } = reached;
    const detail = { bulk, ...work.asked, limit, ratePerSecond, matched, [work.done]: done, skipped };
    await parts.audit
      .around(
        actor,
        { action: work.bulkAction, tenant },
        async () => {},
        () => ({ outcome: ended, detail }),
      )
      .catch(() => {});
  }
}

type Turn = 'done' | 'skipped' | 'counted' | 'stopped';

/** Takes each run that fits in turn, as the list stands when it gets there. */
async function walk<O extends string>(
  { list, fits = () => true }: BulkWork<O>,
  { pace: { limit }, onProgress, signal }: BulkOrder,
  take: (run: Run) => Promise<Turn>,
): Promise<BulkEnd> {
  const seen = { matched: 0, done: 0, skipped: 0 };
  const end = (more: boolean, stopped: boolean): BulkEnd => ({ ...seen, more, stopped });
  let cursor: string | undefined;
  do {
    const page = await list({ limit: PAGE, ...(cursor !== undefined && { cursor }) });
    for (const run of page.runs.filter(fits)) {
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

async function actOn<O extends string>(
  { client, audit }: Parts,
  work: BulkWork<O>,
  { actor, tenant }: BulkOrder,
  run: Run,
  bulk: string,
): Promise<Turn> {
  const action = {
    action: work.action,
    tenant,
    runId: run.id,
    before: run.status,
    detail: { bulk },
  } as const;
  const outcome = await audit.around(
    ...([actor, action, () => work.act(run)] as const),
    // nothing was done to a run that somebody else was faster with
    async (came) => (came === work.done ? { outcome: came, ...(await statusAfter(client, run)) } : undefined),
  );
  return outcome === work.done ? 'done' : 'skipped';
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
