import {
  failureOf,
  type HoldfastFailure,
  InDoubtError,
  MisconfiguredError,
  RejectedError,
  ThrottledError,
  UnavailableError,
} from '@holdfast/engine';
import { isDrivers } from './driver-errors.ts';
import { CommitUnansweredError, NotCommittedError } from './transaction.ts';

/** No connection was free in time: nothing was sent. */
export class NoFreeConnectionError extends Error {}

/**
 * What a failed transaction means for its step. Up to COMMIT nothing has happened, whatever went wrong, so only an unanswered COMMIT is
 * in doubt; and a refusal says that nothing ever happened under the key, because the transaction had looked for it first.
 * @returns undefined for what the step's own code threw and no rule knows
 */
export function transactionFailure(error: unknown): HoldfastFailure | undefined {
  const cause = error;
  if (error instanceof CommitUnansweredError)
    return new InDoubtError({ code: 'commit_unanswered', message: `PostgreSQL: ${error.message}`, cause });
  if (error instanceof NotCommittedError)
    return new UnavailableError({ code: error.code, message: `PostgreSQL: ${error.message}`, cause });
  if (error instanceof NoFreeConnectionError)
    return new ThrottledError({
      ...{ code: 'no_free_connection', message: error.message, cause },
      ...{ unsent: true, retryAfter: '1s' },
    });
  const known = failureOf(error);
  if (known instanceof RejectedError) {
    const { code, message, details } = known;
    return new RejectedError({ code, message, ...(details && { details }), settlesDoubt: true, cause });
  }
  if (!isDrivers(error)) return known;
  if (known instanceof MisconfiguredError || known instanceof UnavailableError) return known;
  const message = error instanceof Error ? error.message : String(error);
  return new UnavailableError({
    code: known?.code ?? 'connection_lost',
    message: `PostgreSQL: the connection was lost before COMMIT, so nothing was committed: ${message}`,
    ...(known?.details && { details: known.details }),
    cause,
  });
}
