import type { Client, Run } from '@holdfast/engine';
import type { Actor, AuditLog } from './audit-log.ts';
import { type BulkPace, type BulkReached, inBulk } from './bulk.ts';

export interface BulkRedrive extends BulkPace {
  /** Only runs of this flow. */
  readonly flow?: string;
  /** Only runs that died of this code. */
  readonly code?: string;
}

export interface BulkProgress {
  /** Dead runs that fit, up to the limit. */
  readonly matched: number;
  readonly redriven: number;
  /** Somebody else was faster: skipped: no longer dead. */
  readonly skipped: number;
}

export interface BulkResult extends BulkProgress {
  /** More dead runs fit than the limit allowed, or it was stopped before the end. */
  readonly more: boolean;
  /** It was stopped by its signal. */
  readonly stopped: boolean;
}

interface Order {
  readonly actor: Actor;
  readonly tenant: string;
  readonly which: BulkRedrive;
  readonly onProgress: ((progress: BulkProgress) => void) | undefined;
  readonly signal: AbortSignal | undefined;
}

/** @throws StoreUnavailableError; what was redriven stays so, and asked again it goes on */
export async function bulkRedrive(
  parts: { readonly client: Client; readonly audit: AuditLog },
  { actor, tenant, which, onProgress, signal }: Order,
): Promise<BulkResult> {
  const { client } = parts;
  const { flow, code, ...pace } = which;
  const filter = { ...(flow !== undefined && { flow }), ...(code !== undefined && { code }) };
  const { done, ...end } = await inBulk(
    parts,
    {
      list: (page) => client.listDead(tenant, { ...filter, ...page, input: false }),
      act: (run) => client.redrive(tenant, run.id, deathOf(run)),
      done: 'redriven',
      action: 'redrive',
      bulkAction: 'bulk_redrive',
      asked: filter,
    },
    { actor, tenant, pace, signal, onProgress: onProgress && ((reached) => onProgress(asRedriven(reached))) },
  );
  return { ...end, redriven: done };
}

function asRedriven({ done, ...reached }: BulkReached): BulkProgress {
  return { ...reached, redriven: done };
}

/** The one that was seen: a run that somebody else has redriven and that died again is not taken up twice. */
function deathOf(run: Run): number | undefined {
  return run.status === 'dead' ? run.deaths : undefined;
}
