import type { RateLimitReading } from './rate-limit-header.ts';

/**
 * What came of a request. Not a throw: every kind asks something else of the caller, and the type makes it say what.
 * Codes are stable and snake_case; messages are for people; neither they nor the details hold credentials.
 */
export type Outcome<T> = Ok<T> | Rejected | Misconfigured | Throttled | Unavailable | InDoubt;

export interface Ok<T> extends Limited {
  readonly kind: 'ok';
  readonly value: T;
  readonly status: number;
  readonly headers: ResponseHeaders;
}

/** The provider said no, in its own form: nothing happened, and the same request will get the same answer. */
export interface Rejected extends Trouble, Limited {
  readonly kind: 'rejected';
  readonly status: number;
}

/**
 * The refusal is about us (credentials, a method, an address), or does not come from the provider at all: a firewall's page, a login page, a
 * redirect. A person has to put something right; the same request may do well then.
 */
export interface Misconfigured extends Trouble, Limited {
  readonly kind: 'misconfigured';
  /** Absent where there was no answer of the provider's own, such as one to a request for a token. */
  readonly status?: number;
  /** Somebody answered that all is well, in a form that is not the provider's: it may have had the request all the same. */
  readonly mayHaveHappened?: true;
}

/** Nothing happened because of a limit. */
export interface Throttled extends Trouble, Delayed, Limited {
  readonly kind: 'throttled';
  /**
   * Whose limit it is, where the provider says so: `object` for a lock on what the request is about, which slows nobody else. Default: the
   * endpoint's, or the account's where the request names none.
   */
  readonly limited?: 'account' | 'endpoint' | 'object';
  /** Not a byte of the request was sent. */
  readonly unsent?: true;
}

/** Nothing happened: the request never left, the provider would not begin with it, or it only read. */
export interface Unavailable extends Trouble, Delayed, Limited {
  readonly kind: 'unavailable';
  /** Not a byte of the request was sent. */
  readonly unsent?: true;
}

/** The request was sent, and whether its effect happened is not known. */
export interface InDoubt extends Trouble, Delayed, Limited {
  readonly kind: 'in_doubt';
  /** A failure that the provider keeps under the Idempotency-Key: asking again gets the same answer. */
  readonly playedBack?: true;
}

export interface Trouble {
  readonly code: string;
  readonly message: string;
  /** JSON only, bounded. `status` and `requestId` where there was an answer. */
  readonly details: Details;
}

export type Details = Readonly<Record<string, unknown>>;

/** How long the provider asked us to stay away. */
export interface Delayed {
  /** From when the answer came; at most a day. Absent when the provider did not say, or not in a way that can be read. */
  readonly retryAfterMs?: number;
  /** The provider asked for longer than a day. */
  readonly retryAfterCapped?: true;
}

/** What the answer says of the provider's limit beside all that. */
export interface Limited {
  readonly rateLimit?: RateLimitReading;
}

/** Names in lower case. A header that came several times has its values joined by `, `. */
export type ResponseHeaders = Readonly<Record<string, string>>;
