import type { z } from 'zod';
import type { Exchange } from './exchange.ts';
import { codeOf, failureCode } from './failure-code.ts';
import type { Details, InDoubt, Outcome, Rejected, ResponseHeaders } from './outcome.ts';
import { readRateLimit } from './rate-limit-header.ts';
import { readJson, readText } from './read-body.ts';
import { redactJson, redactText } from './redact.ts';
import { readRetryAfter } from './retry-after.ts';

type Answered = Extract<Exchange, { ended: 'answered' }>;

/** What a provider's error body says. */
export interface ErrorReading {
  readonly code?: string;
  readonly message?: string;
  readonly details?: Details;
  /**
   * This 4xx does not say that nothing happened: an earlier request under the same key is still in progress, or may have had
   * its effect.
   */
  readonly inDoubt?: true;
}

/** @returns undefined when the body is not in the provider's own form. */
export type ReadError = (status: number, body: unknown) => ErrorReading | undefined;

export interface Expectation<T> {
  /** Of a 2xx body; `undefined` stands for no body. */
  readonly schema: z.ZodType<T>;
  /** The request only reads, so that nothing can have happened. */
  readonly safe: boolean;
  readonly readError?: ReadError | undefined;
  /** Masked in everything but an `ok` value. */
  readonly secrets: readonly string[];
}

const MAX_BODY_CHARS = 2048;
const MAX_MESSAGE_CHARS = 500;

/** The one place that decides what an exchange means. Pure. */
export function classifyExchange<T>(exchange: Exchange, expected: Expectation<T>): Outcome<T> {
  if (exchange.ended === 'failed') return presentable(classifyFailure(exchange), expected);
  const rateLimit = readRateLimit(exchange.headers);
  const outcome = classifyAnswer(exchange, expected);
  return presentable(rateLimit ? { ...outcome, rateLimit } : outcome, expected);
}

function presentable<T>(outcome: Outcome<T>, expected: Expectation<T>): Outcome<T> {
  if (outcome.kind === 'ok') return outcome;
  const clean = {
    ...outcome,
    code: redactText(outcome.code, expected.secrets),
    message: redactText(outcome.message, expected.secrets).slice(0, MAX_MESSAGE_CHARS),
    details: boundDetails(redactJson(outcome.details, expected.secrets) as Details),
  };
  return clean.kind === 'in_doubt' && expected.safe ? { ...clean, kind: 'unavailable' } : clean;
}

function classifyFailure(exchange: Extract<Exchange, { ended: 'failed' }>): Outcome<never> {
  const code = failureCode(exchange.error, exchange.sent);
  const reason = codeOf(exchange.error);
  const details = reason === undefined || reason === code ? {} : { reason };
  return exchange.sent
    ? { kind: 'in_doubt', code, message: `no answer: ${words(code)} after the request was sent`, details }
    : { kind: 'unavailable', code, message: `nothing was sent: ${words(code)}`, details, unsent: true };
}

function classifyAnswer<T>(answer: Answered, expected: Expectation<T>): Outcome<T> {
  const { status } = answer;
  const delayed = readRetryAfter(answer.headers['retry-after'], answer.headers.date, answer.receivedAtMs);
  if (status >= 200 && status < 300) return readValue(answer, expected);
  if (status >= 300 && status < 400) {
    return rejected(answer, undefined, {
      code: 'unexpected_redirect',
      message: `the provider redirects (${status}); redirects are not followed: check the provider's URL`,
    });
  }
  const reading = readErrorBody(answer, expected);
  const trouble = describe(answer, reading);
  if (status >= 500 && isPlayedBack(answer)) return { kind: 'in_doubt', ...trouble, playedBack: true };
  if (status === 429) return { kind: 'throttled', ...trouble, ...delayed };
  if (status === 425) return { kind: 'unavailable', ...trouble, ...delayed };
  if (status === 503 && delayed.retryAfterMs !== undefined) {
    return { kind: 'unavailable', ...trouble, ...delayed };
  }
  if (isRefusal(answer, reading)) return refusal(answer, reading);
  return { kind: 'in_doubt', ...trouble, ...delayed };
}

/** Stripe's header; the IETF draft on idempotency keys names none. */
function isPlayedBack({ headers }: Answered): boolean {
  return headers['idempotent-replayed'] === 'true';
}

/** Whether a status that is neither 2xx nor 3xx means that nothing happened and nothing will. */
function isRefusal({ status, body }: Answered, reading: ErrorReading | undefined): boolean {
  if (status < 400 || status >= 500 || status === 408 || reading?.inDoubt) return false;
  // A conflict may be "in progress"; with its body lost, that cannot be told.
  return status !== 409 || body.whole;
}

function refusal(answer: Answered, reading: ErrorReading | undefined): Rejected {
  const said = reading?.message === undefined ? '' : `: ${reading.message}`;
  if (answer.status === 401) {
    return rejected(answer, reading, {
      code: 'credentials_refused',
      message: `the provider refuses our credentials (401)${said}`,
    });
  }
  if (answer.status === 403) {
    return rejected(answer, reading, {
      code: 'permission_denied',
      message: `our credentials may not do this (403)${said}`,
    });
  }
  return rejected(answer, reading);
}

/** @param verdict our own words, where the provider's would not say what to mend; its code goes to the details */
function rejected(
  answer: Answered,
  reading: ErrorReading | undefined,
  verdict?: { readonly code: string; readonly message: string },
): Rejected {
  const { details, ...trouble } = describe(answer, reading);
  const providerCode = verdict && reading?.code !== undefined ? { providerCode: reading.code } : {};
  return {
    kind: 'rejected',
    ...trouble,
    ...verdict,
    details: { ...details, ...providerCode },
    status: answer.status,
  };
}

function readValue<T>(answer: Answered, expected: Expectation<T>): Outcome<T> {
  const { status, headers, body } = answer;
  const unusable = (code: string, message: string, more?: Details): InDoubt => ({
    kind: 'in_doubt',
    code,
    message: `the provider answered ${status}, but ${message}`,
    details: { ...facts(answer), ...more, body: readText(body.bytes) },
  });
  if (!body.whole) {
    const code = failureCode(body.error, true);
    const ours = code === 'aborted' || code === 'body_timeout' || code === 'response_too_large';
    const named = ours || code === 'response_malformed' ? code : 'response_truncated';
    return unusable(named, `its body is not whole: ${words(named)}`, { receivedBytes: body.bytes.length });
  }
  const json = readJson(headers, body.bytes);
  if ('fault' in json) return unusable(json.fault, json.message);
  const parsed = expected.schema.safeParse(json.value);
  if (parsed.success) return { kind: 'ok', value: parsed.data, status, headers };
  const faults = parsed.error.issues.slice(0, 5).map((issue) => ({
    path: issue.path.join('.'),
    message: issue.message,
  }));
  return unusable('response_unexpected', 'its body is not what was agreed', { faults });
}

function readErrorBody<T>(answer: Answered, expected: Expectation<T>): ErrorReading | undefined {
  if (!answer.body.whole || !expected.readError) return undefined;
  const json = readJson(answer.headers, answer.body.bytes);
  return 'fault' in json ? undefined : expected.readError(answer.status, json.value);
}

function describe(answer: Answered, reading: ErrorReading | undefined) {
  return {
    code: reading?.code ?? `http_${answer.status}`,
    message: reading?.message ?? `the provider answered ${answer.status}`,
    details: {
      ...facts(answer),
      ...(reading ? reading.details : { body: readText(answer.body.bytes) }),
    },
  };
}

function facts({ status, headers }: Answered): Details {
  const requestId = requestIdOf(headers);
  return requestId === undefined ? { status } : { status, requestId };
}

export function requestIdOf(headers: ResponseHeaders): string | undefined {
  return (headers['request-id'] ?? headers['x-request-id'])?.slice(0, 200);
}

/** Body text is cut to what a person can read; other details as a whole to what a journal should carry. */
function boundDetails(details: Details): Details {
  const cut = Object.fromEntries(
    Object.entries(details).map(([name, value]) => [
      name,
      typeof value === 'string' && value.length > MAX_BODY_CHARS
        ? `${value.slice(0, MAX_BODY_CHARS)}… (${value.length} characters)`
        : value,
    ]),
  );
  const text = JSON.stringify(cut);
  if (text.length <= 2 * MAX_BODY_CHARS) return cut;
  const { status, requestId } = details;
  return { status, ...(requestId === undefined ? {} : { requestId }), body: text.slice(0, MAX_BODY_CHARS) };
}

function words(code: string): string {
  return code.replaceAll('_', ' ');
}
