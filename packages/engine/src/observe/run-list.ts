import type { Run } from '../contract/run.ts';
import type { Journal, ListFilter, ListPosition, Look } from '../journal/journal.ts';
import { runIdOf } from '../journal/keys.ts';

/** Which runs to list: `code` is that of the failure of failed and dead runs. */
export interface ListQuery extends ListFilter, Look {
  /** The run that this Idempotency-Key reaches; with `flow` left out, those of every flow that is known. */
  readonly key?: string;
  /** Where the page before ended. */
  readonly cursor?: string;
  /** 1 to 200. Default 50. */
  readonly limit?: number;
}

export interface RunPage {
  readonly runs: readonly Run[];
  /** Ids of runs of this page whose records in Redis cannot be read; absent when there are none. */
  readonly unreadable?: readonly string[];
  /** Absent on the last page. */
  readonly nextCursor?: string;
}

/** The cursor was not returned by this list. */
export class InvalidCursorError extends Error {
  readonly code = 'cursor_invalid';
  constructor() {
    super('unknown cursor; pass the nextCursor of this list unchanged');
    this.name = 'InvalidCursorError';
  }
}

type List = 'runs' | 'dead';

/** Runs looked at in one script, during which Redis does nothing else, and for one page at most. */
const STRETCH = 500;
const MAX_LOOKED_AT = 5_000;

/** One page of a tenant's runs, or of all tenants'. Ids whose runs have expired are forgotten on the way. */
export async function listRuns(
  journal: Journal,
  of: List,
  tenant: string | undefined,
  query: ListQuery,
): Promise<RunPage> {
  const { cursor, limit: asked = 50, input = true, ...filter } = query;
  const look = { input };
  // the runs with a tag stand in a list of their own, in the order of all runs
  const list = filter.tag ? 'runs' : of;
  const limit = Math.min(Math.max(asked, 1), 200);
  const runs: Run[] = [];
  const unreadable: string[] = [];
  let after = cursor === undefined ? startOf(list, filter) : decodeCursor(list, cursor);
  for (let lookedAt = 0; runs.length < limit && lookedAt < MAX_LOOKED_AT; lookedAt += STRETCH) {
    const stretch = { after, filter, look: STRETCH, pick: limit - runs.length };
    const { runIds, expired, end } = await journal.listRuns(list, tenant, stretch);
    const found = await journal.readRuns(runIds, look);
    // a run may have changed since it was picked
    runs.push(...found.runs.filter((run) => fits(run, filter)));
    unreadable.push(...found.unreadable);
    await journal.forgetRuns(tenant, expired, filter.tag);
    if (!end || isOver(list, end, filter)) return { runs, ...someOf(unreadable) };
    after = end;
  }
  return { runs, ...someOf(unreadable), ...(after && { nextCursor: encodeCursor(list, after) }) };
}

function someOf(unreadable: readonly string[]): Pick<RunPage, 'unreadable'> {
  return unreadable.length > 0 ? { unreadable } : {};
}

/** The runs of some tenants that a key reaches, by their ids: nothing is searched. */
export async function runsByKey(
  journal: Journal,
  tenants: readonly string[],
  flows: readonly string[],
  { key, input = true, ...filter }: ListFilter & Look & { readonly key: string },
): Promise<RunPage> {
  const among = filter.flow === undefined ? flows : [filter.flow];
  const found = await journal.readRuns(
    tenants.flatMap((tenant) => among.map((flow) => runIdOf(tenant, flow, key))),
    { input },
  );
  const runs = found.runs.filter((run) => fits(run, filter));
  return { runs: runs.sort((a, b) => b.createdAt - a.createdAt), ...someOf(found.unreadable) };
}

function startOf(list: List, { before }: ListFilter): ListPosition | undefined {
  // ids are longer than this one, so nothing of that moment comes before it
  return list === 'runs' && before !== undefined ? { at: before, runId: '' } : undefined;
}

/** Only older ones are left. */
function isOver(list: List, end: ListPosition, { since }: ListFilter): boolean {
  return list === 'runs' && since !== undefined && end.at < since;
}

function fits(run: Run, { flow, status, code, since, before, tag, keyPrefix }: ListFilter): boolean {
  if (keyPrefix !== undefined && !run.idempotencyKey.startsWith(keyPrefix)) return false;
  if (tag && run.tags?.[tag.name] !== tag.value) return false;
  if (flow !== undefined && run.flow !== flow) return false;
  if (status !== undefined && run.status !== status) return false;
  if (since !== undefined && run.createdAt < since) return false;
  if (before !== undefined && run.createdAt >= before) return false;
  return code === undefined || ('error' in run && run.error?.code === code);
}

function encodeCursor(list: List, { at, runId }: ListPosition): string {
  return Buffer.from(`${list}:${at}:${runId}`).toString('base64url');
}

function decodeCursor(list: List, cursor: string): ListPosition {
  const text = Buffer.from(cursor, 'base64url').toString();
  const [, of, at, runId] = /^(runs|dead):(\d+):(run_[0-9a-f]+)$/.exec(text) ?? [];
  if (of !== list || at === undefined || runId === undefined) throw new InvalidCursorError();
  return { at: Number(at), runId };
}
