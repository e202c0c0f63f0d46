import type { Client, Json, ListQuery, RunStatus } from '@holdfast/engine';
import type { AuditLog } from './audit-log.ts';
import { type BulkEnd, type BulkOrder, type BulkPace, inBulk } from './bulk.ts';

/** Which runs: those that fit all that is given. */
export interface BulkSteer extends BulkPace, Pick<ListQuery, 'flow' | 'code' | 'since' | 'before' | 'tag'> {
  /** Default for a cancel: what has neither ended nor died. For a rerun: `failed` and `cancelled`. */
  readonly status?: RunStatus;
}

export type BulkSteerOrder = Omit<BulkOrder, 'pace'> & { readonly which: BulkSteer };

const UNDER_WAY: ReadonlySet<RunStatus> = new Set(['pending', 'running', 'suspended', 'compensating']);
const UNDONE: ReadonlySet<RunStatus> = new Set(['failed', 'cancelled']);

interface Parts {
  readonly client: Client;
  readonly audit: AuditLog;
}

/** Cancels the runs that fit, the newest first. */
export function bulkCancel(parts: Parts, order: BulkSteerOrder): Promise<BulkEnd> {
  return inBulk(
    parts,
    {
      ...listed(parts.client, order, UNDER_WAY),
      act: (run) => parts.client.cancel(order.tenant, run.id),
      done: 'cancelling',
      action: 'cancel',
      bulkAction: 'bulk_cancel',
    },
    { ...order, pace: order.which },
  );
}

/** Starts the runs that fit afresh, the newest first. */
export function bulkRerun(parts: Parts, order: BulkSteerOrder): Promise<BulkEnd> {
  return inBulk(
    parts,
    {
      ...listed(parts.client, order, UNDONE),
      act: (run) => parts.client.rerun(order.tenant, run.id),
      done: 'rerun',
      action: 'rerun',
      bulkAction: 'bulk_rerun',
    },
    { ...order, pace: order.which },
  );
}

function listed(client: Client, { tenant, which }: BulkSteerOrder, byDefault: ReadonlySet<RunStatus>) {
  const { limit: _, ratePerSecond: _rate, dryRun: _dry, ...filter } = which;
  return {
    list: (page: { readonly limit: number; readonly cursor?: string }) =>
      client.listRuns(tenant, { ...filter, ...page, input: false }),
    fits: ({ status }: { readonly status: RunStatus }) => which.status !== undefined || byDefault.has(status),
    asked: { ...filter } as { readonly [member: string]: Json },
  };
}
