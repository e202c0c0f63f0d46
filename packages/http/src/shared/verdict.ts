import type { Delayed, Outcome } from '../outcome.ts';
import type { RateLimitReading } from '../rate-limit-header.ts';
import type { Verdict } from './shared-store.ts';

/** An outcome as the guard looks at it, of HTTP or of another protocol in the same terms. */
export type Guarded = Pick<Outcome<unknown>, 'kind'> &
  Delayed & {
    readonly code?: string;
    readonly message?: string;
    readonly details?: Readonly<Record<string, unknown>>;
    readonly playedBack?: true;
    readonly limited?: 'account' | 'endpoint' | 'object';
    readonly rateLimit?: RateLimitReading;
  };

/** A call that we broke off ourselves after this long had been waiting for a provider that does not answer. */
const SLOW_MS = 5_000;

/** What a call's outcome says about the provider being there. */
export function verdictOf(outcome: Guarded, durationMs: number): Verdict {
  const { kind, code } = outcome;
  if (kind === 'ok' || kind === 'rejected') return 'ok';
  // every other call would come to the same, and its run be dead: better that they wait
  if (kind === 'misconfigured') return 'failed';
  // a lock on one object says nothing about the calls that others make
  if (kind === 'throttled') return outcome.limited === 'object' ? 'neutral' : 'throttled';
  if (code === 'client_closed') return 'neutral';
  if (code === 'aborted') return durationMs >= SLOW_MS ? 'failed' : 'neutral';
  // an old answer is no news
  if (outcome.playedBack) return 'neutral';
  const { status, smtpStatus, command, sqlstate } = outcome.details ?? {};
  // a database that ends a transaction for another's sake is there: deadlock, serialization, lock, a statement that took too long
  if (typeof sqlstate === 'string' && /^(40|55P03|57014)/.test(sqlstate)) return 'ok';
  // a mail server that puts one mail off is there; one that closes, or greets with a no, is not
  if (typeof smtpStatus === 'number') return smtpStatus === 421 || command === 'CONN' ? 'failed' : 'ok';
  if (typeof status === 'number' && status >= 400 && status < 500 && status !== 408) return 'ok';
  return 'failed';
}
