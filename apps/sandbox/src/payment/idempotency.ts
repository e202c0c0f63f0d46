import { createHash } from 'node:crypto';
import type { Answer } from '../serve.ts';
import { refuse, stripeError } from './errors.ts';
import type { Decision, Payments } from './payments.ts';
import type { Playback } from './records.ts';

/** A POST as Stripe's idempotency sees it. */
export interface KeyedRequest {
  readonly key: string | null;
  readonly requestId: string;
  /** Of the endpoint and its parameters, whatever their order. */
  readonly fingerprint: string;
}

const MAX_KEY_LENGTH = 255;

/** @throws Refused when the key is longer than Stripe takes. */
export function checkKey(key: string | null): void {
  if (key === null || key.length <= MAX_KEY_LENGTH) return;
  throw refuse(400, {
    type: 'idempotency_error',
    message: `Idempotency-Key is too long: at most ${MAX_KEY_LENGTH} characters.`,
  });
}

export function fingerprintOf(path: string, form: unknown): string {
  return createHash('sha256')
    .update(`${path}\n${JSON.stringify(sorted(form ?? {}))}`)
    .digest('hex');
}

/**
 * Answers once per key. The first answer that processing gave, be it a decline or a 500, is recorded with what it changed and
 * played back from then on. What is refused before processing throws and leaves the key free.
 */
export function answerOnce(payments: Payments, request: KeyedRequest, decide: () => Decision): Answer {
  const { key, requestId, fingerprint } = request;
  if (key === null) {
    const decision = decide();
    payments.record(decision, undefined);
    return decision.answer;
  }
  const stored = payments.playback(key);
  if (stored) return stored.fingerprint === fingerprint ? played(stored) : otherParameters(key);
  const decision = decide();
  const { status, body } = decision.answer;
  payments.record(decision, { key, fingerprint, requestId, status, body });
  return decision.answer;
}

export function inProgress(key: string): Answer {
  return stripeError(409, {
    type: 'idempotency_error',
    code: 'idempotency_key_in_use',
    message: `There is currently another in-progress request using this Idempotency Key (${key}). Try again later.`,
  });
}

function otherParameters(key: string): Answer {
  return stripeError(400, {
    type: 'idempotency_error',
    message: `Keys for idempotent requests can only be used with the same endpoint and the same parameters they were first used with. Try using a key other than '${key}' if you meant to execute a different request.`,
  });
}

function played({ status, body, requestId }: Playback): Answer {
  return { status, body, headers: { 'idempotent-replayed': 'true', 'original-request': requestId } };
}

function sorted(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, member]) => [name, sorted(member)]),
  );
}
