import { redactShapes } from '@holdfast/engine';
import type { z } from 'zod';
import type { Exchange } from './exchange.ts';
import { codeOf, failureCode } from './failure-code.ts';
import type { Details, InDoubt, Misconfigured, Outcome, ResponseHeaders, Throttled } from './outcome.ts';
import { readRateLimit } from './rate-limit-header.ts';
import { type Expected, readJson, readText, readValueAs } from './read-body.ts';
import { redactJson, redactText } from './redact.ts';
import { readRetryAfter } from './retry-after.ts';

type Answered = Extract<Exchange, { ended: 'answered' }>;

/** What a provider's error body says. */
export interface ErrorReading {
  readonly code?: string;
  readonly message?: string;
  readonly details?: Details;
  /**
   * What the answer comes to, where its status alone would say something else: `in_doubt` for an earlier request under the same key that is
   * still in progress, or may have had its effect; `throttled` for a limit that comes as a 403. Default: by the status.
   */
  readonly outcome?: 'rejected' | 'misconfigured' | 'throttled' | 'unavailable' | 'in_doubt';
  /** Whose limit a `throttled` is about. Default: the endpoint's. */
  readonly limited?: Throttled['limited'];
}

/** @returns undefined when the body is not in the provider's own form: then somebody else has answered. */
export type ReadError = (status: number, body: unknown, headers: ResponseHeaders) => ErrorReading | undefined;

export interface Expectation<T> {
  /** Of a 2xx body; `undefined` stands for no body. */
  readonly schema: z.ZodType<T>;
  /** How a 2xx body is read. Default `json`. */
  readonly expects?: Expected | undefined;
  /** The request only reads, so that nothing can have happened. */
  readonly safe: boolean;
  readonly readError?: ReadError | undefined;
  /** A 2xx whose body `readError` reads is a refusal. Default false. */
  readonly errorsIn2xx?: boolean | undefined;
  /** Of 503 (with a Retry-After) and 425: the provider gives them before it has begun with anything. Default: none. */
  readonly beforeAnyEffect?: readonly number[] | undefined;
  /** Masked in everything but an `ok` value. */
  readonly secrets: readonly string[];
}

const MAX_BODY_CHARS = 2048;
const MAX_MESSAGE_CHARS = 500;
/** Of a message, before it is masked: more than is shown, so that nothing is cut in two. */
const MOST_READ = 10 * MAX_MESSAGE_CHARS;

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
    message: redactShapes(redactText(outcome.message.slice(0, MOST_READ), expected.secrets)).slice(
      0,
      MAX_MESSAGE_CHARS,
    ),
    details: boundDetails(redactJson(outcome.details, expected.secrets) as Details),
  };
  return clean.kind === 'in_doubt' && expected.safe ? { ...clean, kind: 'unavailable' } : clean;
}

function classifyFailure(exchange: Extract<Exchange, { ended: 'failed' }>): Outcome<never> {
  const code = failureCode(exchange.error, exchange.sent);
  const reason = codeOf(exchange.error);
  const details = reason === undefined || reason === code ? {} : { reason };
  if (exchange.sent)
    return {
      kind: 'in_doubt',
      code,
      message: `no answer: ${words(code)} after the request was sent`,
      details,
    };
  const advice = Object.hasOwn(ADVICE, code) ? `; ${ADVICE[code]}` : '';
  const message = `nothing was sent: ${words(code)}${advice}`;
  // a certificate may be renewed in an hour; a password that a proxy does not take is for somebody here
  return code === 'proxy_credentials_refused'
    ? { kind: 'misconfigured', code, message, details }
    : { kind: 'unavailable', code, message, details, unsent: true };
}

const ADVICE: Readonly<Record<string, string>> = {
  certificate_not_trusted:
    "the provider's certificate cannot be verified: check its URL, its certificate, and whether it needs an authority of its own",
  proxy_credentials_refused: 'the proxy refuses our credentials (407): check user and password in its URL',
};

function classifyAnswer<T>(answer: Answered, expected: Expectation<T>): Outcome<T> {
  const { status } = answer;
  const delayed = readRetryAfter(answer.headers['retry-after'], answer.headers.date, answer.receivedAtMs);
  if (status >= 200 && status < 300) return readValue(answer, expected);
  if (status >= 300 && status < 400) {
    const code = 'unexpected_redirect';
    const message = `the provider redirects (${status}); redirects are not followed: check the provider's URL`;
    // "see the result over there": the request was dealt with
    if (status === 303 && !expected.safe)
      return { ...describe(answer, undefined), kind: 'in_doubt', code, message };
    return misconfigured(answer, undefined, { code, message });
  }
  const reading = readErrorBody(answer, expected);
  return asKind(kindOf(answer, reading, delayed.retryAfterMs, expected), answer, reading);
}

function asKind(
  kind: NonNullable<ErrorReading['outcome']>,
  answer: Answered,
  reading: ErrorReading | undefined,
): Outcome<never> {
  const { status } = answer;
  const trouble = describe(answer, reading);
  const delayed = readRetryAfter(answer.headers['retry-after'], answer.headers.date, answer.receivedAtMs);
  switch (kind) {
    case 'rejected':
      return { kind, ...trouble, status };
    case 'misconfigured':
      return misconfigured(answer, reading, whatToMend(answer, reading));
    case 'in_doubt':
      if (status >= 500 && isPlayedBack(answer)) return { kind, ...trouble, playedBack: true };
      return { kind, ...trouble, ...delayed };
    case 'throttled':
      return { kind, ...trouble, ...delayed, ...(reading?.limited && { limited: reading.limited }) };
    default:
      return { kind, ...trouble, ...delayed };
  }
}

/**
 * What an answer that is neither 2xx nor 3xx comes to.
 * @param says for how long it asks us to stay away
 */
function kindOf<T>(
  answer: Answered,
  reading: ErrorReading | undefined,
  says: number | undefined,
  expected: Expectation<T>,
): NonNullable<ErrorReading['outcome']> {
  const { status, body } = answer;
  if (reading?.outcome) return reading.outcome;
  if (status >= 500 && isPlayedBack(answer)) return 'in_doubt';
  if (status === 429) return 'throttled';
  if (status === 425 || status === 503) {
    const declared = expected.beforeAnyEffect?.includes(status) && (status === 425 || says !== undefined);
    return declared ? 'unavailable' : 'in_doubt';
  }
  if (status >= 500 || status === 408) return 'in_doubt';
  if (status === 401 || status === 403 || status === 405) return 'misconfigured';
  // with its body lost, nobody can tell who refused, nor whether a conflict is one that is in progress
  if (!body.whole) return 'in_doubt';
  return isInOwnForm(answer, reading, expected) ? 'rejected' : 'misconfigured';
}

/** Without a reader of the provider's form, what is not a page for people counts as the provider's. */
function isInOwnForm<T>(
  answer: Answered,
  reading: ErrorReading | undefined,
  { readError }: Expectation<T>,
): boolean {
  return readError ? reading !== undefined : !isPage(answer);
}

function isPage({ headers }: Answered): boolean {
  return /^(text\/html|application\/xhtml)/i.test((headers['content-type'] ?? '').trim());
}

/** Stripe's header; the IETF draft on idempotency keys names none. */
function isPlayedBack({ headers }: Answered): boolean {
  return headers['idempotent-replayed'] === 'true';
}

function whatToMend(
  { status, body, headers }: Answered,
  reading: ErrorReading | undefined,
): { readonly code: string; readonly message: string } | undefined {
  const said = reading?.message === undefined ? '' : `: ${reading.message}`;
  switch (status) {
    case 401:
      return { code: 'credentials_refused', message: `the provider refuses our credentials (401)${said}` };
    case 403:
      return { code: 'permission_denied', message: `our credentials may not do this (403)${said}` };
    case 405:
      return { code: 'method_not_allowed', message: `the address does not take this method (405)${said}` };
  }
  if (reading) return undefined;
  const what =
    body.bytes.length === 0 ? 'without a body' : `as "${(headers['content-type'] ?? '').slice(0, 100)}"`;
  return {
    code: 'not_from_provider',
    message: `the answer is not in the provider's own form (${status}, ${what}): check the provider's URL, and what stands in front of it`,
  };
}

/** @param verdict our own words, where the provider's would not say what to fix; its code goes to the details */
function misconfigured(
  answer: Answered,
  reading: ErrorReading | undefined,
  verdict: { readonly code: string; readonly message: string } | undefined,
): Misconfigured {
  const { details, ...trouble } = describe(answer, reading);
  const providerCode = verdict && reading?.code !== undefined ? { providerCode: reading.code } : {};
  return {
    kind: 'misconfigured',
    ...trouble,
    ...verdict,
    details: { ...details, ...providerCode },
    status: answer.status,
  };
}

function readValue<T>(answer: Answered, expected: Expectation<T>): Outcome<T> {
  const { status, headers, body } = answer;
  if (body.whole && body.bytes.length > 0 && isPage(answer) && expected.expects !== 'html') {
    const message = `the answer is a page for people (${status}), such as that of a firewall or a login: check the provider's URL, and what stands in front of it`;
    const found = misconfigured(answer, undefined, { code: 'not_from_provider', message });
    return expected.safe ? found : { ...found, mayHaveHappened: true };
  }
  const unusable = (code: string, message: string, more?: Details): InDoubt => ({
    kind: 'in_doubt',
    code,
    message: `the provider answered ${status}, but ${message}`,
    // what a provider answers when all is well is its customers', and stays out of journals and logs
    details: { ...facts(answer), ...more, bodyBytes: body.bytes.length },
  });
  if (!body.whole) {
    const code = failureCode(body.error, true);
    const named = BY_NAME.has(code) ? code : 'response_truncated';
    return unusable(named, `its body is not whole: ${words(named)}`, { receivedBytes: body.bytes.length });
  }
  const json = readValueAs(expected.expects ?? 'json', headers, body.bytes);
  if ('fault' in json) return unusable(json.fault, json.message);
  const parsed = expected.schema.safeParse(json.value);
  const refusal = expected.errorsIn2xx ? expected.readError?.(status, json.value, headers) : undefined;
  if (refusal && !parsed.success) return asKind(refusal.outcome ?? 'rejected', answer, refusal);
  if (refusal) return unusable('response_ambiguous', 'its body fits both a result and an error');
  if (parsed.success) return { kind: 'ok', value: parsed.data, status, headers };
  const faults = parsed.error.issues.slice(0, 5).map((issue) => ({
    path: issue.path.join('.'),
    message: issue.message,
  }));
  return unusable('response_unexpected', 'its body is not what was agreed', { faults });
}

/** Why a body is not whole, where that is more than a connection that ended. */
const BY_NAME: ReadonlySet<string> = new Set([
  ...['aborted', 'body_timeout', 'response_too_large'],
  ...['response_malformed', 'response_encoding_unknown'],
]);

function readErrorBody<T>(answer: Answered, expected: Expectation<T>): ErrorReading | undefined {
  if (!answer.body.whole || !expected.readError) return undefined;
  const json = readJson(answer.headers, answer.body.bytes);
  return 'fault' in json ? undefined : expected.readError(answer.status, json.value, answer.headers);
}

function describe(answer: Answered, reading: ErrorReading | undefined) {
  return {
    code: reading?.code ?? `http_${answer.status}`,
    message: reading?.message ?? `the provider answered ${answer.status}`,
    details: {
      ...facts(answer),
      ...(reading ? reading.details : { body: redactShapes(readText(answer.body.bytes)) }),
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
