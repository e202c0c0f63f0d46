import { toMs } from './duration.ts';
import type { RetryPolicy } from './step.ts';

export interface RetryPolicyMs {
  readonly attempts: number;
  readonly firstMs: number;
  readonly maxMs: number;
  readonly factor: number;
}

/** @throws RangeError when attempts is no whole number from 1, factor no number from 1, or a delay is no duration. */
export function retryPolicy(policy: Partial<RetryPolicy> = {}): RetryPolicyMs {
  const attempts = policy.attempts ?? 8;
  if (!Number.isSafeInteger(attempts) || attempts < 1) {
    throw new RangeError(`retry.attempts must be a whole number from 1, got ${attempts}`);
  }
  const factor = policy.factor ?? 2;
  if (!Number.isFinite(factor) || factor < 1) {
    throw new RangeError(`retry.factor must be a number from 1, got ${factor}`);
  }
  return { attempts, factor, firstMs: toMs(policy.first ?? '500ms'), maxMs: toMs(policy.max ?? '1m') };
}

export interface FailedAttempt {
  readonly wait: 'retry' | 'throttle';
  /** Attempts used since the last redrive, this one included when it counts. */
  readonly used: number;
  /** The provider's own wish; a floor that is never scaled. */
  readonly retryAfterMs: number | undefined;
}

export type RetryDecision =
  | { readonly next: 'retry'; readonly delayMs: number }
  | { readonly next: 'exhausted' };

/**
 * What follows a failed attempt. A throttle uses up no attempt.
 * @param random from 0 to 1
 * @param scale multiplies the policy's own delay, not the provider's Retry-After
 */
export function decideRetry(
  policy: RetryPolicyMs,
  failed: FailedAttempt,
  random: () => number,
  scale: number,
): RetryDecision {
  if (failed.wait === 'retry' && failed.used >= policy.attempts) return { next: 'exhausted' };
  const jitterMs = fullJitterMs(policy, Math.max(failed.used, 1), random) * scale;
  return { next: 'retry', delayMs: Math.ceil((failed.retryAfterMs ?? 0) + jitterMs) };
}

/**
 * Delay before the next attempt. Full jitter, after AWS's "Exponential Backoff And Jitter".
 * @param failed attempts that have failed so far, from 1
 * @returns milliseconds from 0 to min(max, first · factor^(failed − 1))
 */
export function fullJitterMs(policy: RetryPolicyMs, failed: number, random: () => number): number {
  return random() * Math.min(policy.maxMs, policy.firstMs * policy.factor ** (failed - 1));
}
