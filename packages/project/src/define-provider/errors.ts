import type { ErrorReading, ReadError } from '@holdfast/http';
import type { z } from 'zod';

/** What one of a provider's error bodies says. */
export interface ProviderError {
  /** What callers match on: `channel_not_found`. At most 100 characters. */
  readonly code: string;
  /** For people. */
  readonly message?: string | undefined;
  /** More facts for people. Never secrets. */
  readonly details?: Readonly<Record<string, unknown>> | undefined;
}

/**
 * What an answer in the provider's own form comes to, by its error code or its status (three digits), where the rules for all providers
 * would say something else. A code wins over a status.
 * @example { rate_limited: 'throttled', invalid_auth: 'misconfigured', 409: 'in_doubt' }
 */
export type Outcomes = Readonly<Record<string, NonNullable<ErrorReading['outcome']>>>;

/** How a provider says no. */
export interface ErrorRules {
  /**
   * The form of the provider's error bodies; it transforms one into its code. A body that does not fit is not the provider's: a proxy's, a
   * firewall's, a login page's.
   * @example z.object({ error: z.string() }).transform(({ error }) => ({ code: error }))
   */
  readonly errors: z.ZodType<ProviderError>;
  /** Statuses that the provider itself gives without a body, such as 404; their code is `http_404`. Default: none. */
  readonly emptyErrors?: readonly number[] | undefined;
  /** Default: none. */
  readonly outcomes?: Outcomes | undefined;
}

const LONGEST_CODE = 100;

/** @param own of one operation; they win over the provider's */
export function readErrorOf(rules: ErrorRules, own: Outcomes = {}): ReadError {
  return (status, body) => {
    const read = readBody(rules, status, body);
    if (!read) return undefined;
    const { code, message, details } = read;
    const outcome = [
      ...[own, rules.outcomes].map((outcomes) => ruleOf(outcomes, code)),
      ...[own, rules.outcomes].map((outcomes) => ruleOf(outcomes, String(status))),
    ].find((rule) => rule !== undefined);
    return {
      code,
      ...(message !== undefined && { message }),
      details: { ...details },
      ...(outcome && { outcome }),
    };
  };
}

function readBody(
  { errors, emptyErrors = [] }: ErrorRules,
  status: number,
  body: unknown,
): ProviderError | undefined {
  if (body === undefined) return emptyErrors.includes(status) ? { code: `http_${status}` } : undefined;
  const { data } = errors.safeParse(body);
  return data && data.code.length > 0 && data.code.length <= LONGEST_CODE ? data : undefined;
}

function ruleOf(outcomes: Outcomes | undefined, name: string): Outcomes[string] | undefined {
  return outcomes && Object.hasOwn(outcomes, name) ? outcomes[name] : undefined;
}
