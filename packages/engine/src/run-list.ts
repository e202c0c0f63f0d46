import type { Journal, ListPosition } from './journal/journal.ts';
import type { Run, RunStatus } from './run.ts';

export interface ListQuery {
  readonly flow?: string;
  readonly status?: RunStatus;
  /** The code of the failure of failed and dead runs. */
  readonly code?: string;
  /** Created at this time or later, and before that one; Unix milliseconds. */
  readonly since?: number;
  readonly before?: number;
  /** Where the page before ended. */
  readonly cursor?: string;
  /** 1 to 200. Default 50. */
  readonly limit?: number;
}

export interface RunPage {
  readonly runs: readonly Run[];
  /** Absent on the last page. */
  readonly nextCursor?: string;
}

/** The cursor is none that a list has given out. */
export class InvalidCursorError extends Error {
  readonly code = 'cursor_invalid';
  constructor() {
    super('the cursor is none that this list has given out');
    this.name = 'InvalidCursorError';
  }
}

/** Runs looked at in one round trip, and for one page at most. */
const BATCH = 100;
const MAX_LOOKED_AT = 2_000;

/** One page of a tenant's runs. Ids whose runs have expired are forgotten on the way. */
export async function listRuns(
  journal: Journal,
  list: 'runs' | 'dead',
  tenant: string,
  query: ListQuery,
): Promise<RunPage> {
  const limit = Math.min(Math.max(query.limit ?? 50, 1), 200);
  const runs: Run[] = [];
  let after = query.cursor === undefined ? startOf(query) : decodeCursor(query.cursor);
  for (let lookedAt = 0; lookedAt < MAX_LOOKED_AT; lookedAt += BATCH) {
    const positions = await journal.listRuns(list, tenant, after, BATCH);
    const found = await journal.readRuns(positions.map(({ runId }) => runId));
    const expired: string[] = [];
    for (const [index, position] of positions.entries()) {
      const run = found[index];
      if (list === 'runs' && query.since !== undefined && position.at < query.since) return { runs };
      after = position;
      if (!run) expired.push(position.runId);
      else if (fits(run, query)) runs.push(run);
      if (runs.length === limit) {
        await journal.forgetRuns(tenant, expired);
        const last = index === positions.length - 1 && positions.length < BATCH;
        return last ? { runs } : { runs, nextCursor: encodeCursor(position) };
      }
    }
    await journal.forgetRuns(tenant, expired);
    if (positions.length < BATCH) return { runs };
  }
  return after ? { runs, nextCursor: encodeCursor(after) } : { runs };
}

function startOf({ before }: ListQuery): ListPosition | undefined {
  // ids are longer than this one, so nothing of that moment comes before it
  return before === undefined ? undefined : { at: before, runId: '' };
}

function fits(run: Run, { flow, status, code }: ListQuery): boolean {
  if (flow !== undefined && run.flow !== flow) return false;
  if (status !== undefined && run.status !== status) return false;
  return code === undefined || ('error' in run && run.error?.code === code);
}

function encodeCursor({ at, runId }: ListPosition): string {
  return Buffer.from(`${at}:${runId}`).toString('base64url');
}

function decodeCursor(cursor: string): ListPosition {
  const [, at, runId] = /^(\d+):(run_[0-9a-f]+)$/.exec(Buffer.from(cursor, 'base64url').toString()) ?? [];
  if (at === undefined || runId === undefined) throw new InvalidCursorError();
  return { at: Number(at), runId };
}
