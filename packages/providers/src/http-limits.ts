/**
 * What every provider is held to. A step's own time-out comes first where it is shorter: its signal ends the request.
 * The largest answer of all, a page of Stripe's refunds, is well below a tenth of the size.
 */
export const HTTP_LIMITS = {
  connectTimeoutMs: 3_000,
  headersTimeoutMs: 25_000,
  bodyTimeoutMs: 10_000,
  maxResponseBytes: 1024 * 1024,
  // overload is said at the door; one that says nothing of when to come back may be a gateway's, and is in doubt
  beforeAnyEffect: [503, 425],
} as const;

/** The longest that one request can take. */
export const LONGEST_CALL_MS =
  HTTP_LIMITS.connectTimeoutMs + HTTP_LIMITS.headersTimeoutMs + HTTP_LIMITS.bodyTimeoutMs;
