import type { StepCall } from '@holdfast/engine';
import type { ClientBase, QueryResultRow } from 'pg';
import { asDrivers, fromDriver, isDrivers } from './driver-errors.ts';

/** What `pg` sends as a parameter; objects and arrays of objects go as JSON. */
export type SqlValue = unknown;

export interface Rows<R> {
  readonly rows: readonly R[];
  /** Rows that the statement inserted, updated, deleted or returned. */
  readonly rowCount: number;
}

/** One transaction, for as long as its step's work runs. */
export interface Transaction {
  /**
   * Runs one statement inside the transaction.
   * @example const { rows } = await tx.query<{ id: string }>('INSERT INTO orders (total) VALUES ($1) RETURNING id', [total]);
   * @throws pg's DatabaseError; one that leaves the step's work is classified by its SQLSTATE
   */
  query<R extends QueryResultRow = QueryResultRow>(
    text: string,
    values?: readonly SqlValue[],
  ): Promise<Rows<R>>;
}

export type Isolation = 'read committed' | 'repeatable read' | 'serializable';

export interface Bounds {
  /** For the whole transaction; the server ends it by itself when this process no longer can. */
  readonly timeoutMs: number;
  readonly isolation: Isolation;
  readonly readOnly: boolean;
}

/** Nothing was committed: the transaction's time was up, or its step was given up, before COMMIT was sent. */
export class NotCommittedError extends Error {
  constructor(
    readonly code: 'transaction_timeout' | 'aborted',
    message: string,
  ) {
    super(message);
    this.name = 'NotCommittedError';
  }
}

/** COMMIT was sent, and no answer came. */
export class CommitUnansweredError extends Error {
  constructor(cause: unknown) {
    super(`the answer to COMMIT was lost: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    });
    this.name = 'CommitUnansweredError';
  }
}

/**
 * Does the work in one transaction. COMMIT is sent only while the call is not given up and in time: what gives up on a transaction that is
 * not committed yet knows that it never will be.
 * @throws NotCommittedError, CommitUnansweredError, TypeError when the work caught the error of a failed statement, or what the work or the
 * server threw
 */
export async function inTransaction<T>(
  client: ClientBase,
  bounds: Bounds,
  signal: StepCall['signal'],
  work: (tx: Transaction) => Promise<T>,
): Promise<T> {
  const until = performance.now() + bounds.timeoutMs;
  const { timeoutMs, isolation, readOnly } = bounds;
  await fromDriver(
    client.query(
      `BEGIN ISOLATION LEVEL ${isolation}${readOnly ? ' READ ONLY' : ''};` +
        `SET LOCAL statement_timeout = ${timeoutMs}; SET LOCAL idle_in_transaction_session_timeout = ${timeoutMs}`,
    ),
  );
  const query: Transaction['query'] = async (text, values = []) => {
    checkInTime(signal, until);
    const { rows, rowCount } = await fromDriver(client.query(text, [...values]));
    return { rows, rowCount: rowCount ?? 0 };
  };
  const done = await work({ query }).catch((error: unknown) => {
    throw isDrivers(error) && Object(error).code === IN_FAILED_TRANSACTION ? caughtError(error) : error;
  });
  checkInTime(signal, until);
  const ended = await client.query('COMMIT').catch((error: unknown) => {
    // what the server answered is an answer
    if (isAnswer(error)) throw asDrivers(error);
    throw new CommitUnansweredError(error);
  });
  if (ended.command !== 'COMMIT') throw caughtError();
  return done;
}

/** The SQLSTATE of whatever comes after a statement that failed. */
const IN_FAILED_TRANSACTION = '25P02';

function caughtError(cause?: unknown): TypeError {
  return new TypeError(
    'a statement of the transaction had failed and its error was caught, so PostgreSQL rolled the transaction back; use a SAVEPOINT around a statement that may fail',
    { cause },
  );
}

function checkInTime(signal: StepCall['signal'], until: number): void {
  if (signal.aborted) throw new NotCommittedError('aborted', 'the step was given up; nothing was committed');
  if (performance.now() > until)
    throw new NotCommittedError(
      'transaction_timeout',
      "the transaction's time was up; nothing was committed",
    );
}

function isAnswer(error: unknown): boolean {
  return error instanceof Error && 'severity' in error && 'code' in error;
}
