export { type Auth, basic, bearer, header, queryKey } from './auth.ts';
export {
  classifyExchange,
  type ErrorReading,
  type Expectation,
  type ReadError,
  requestIdOf,
} from './classify.ts';
export { createHttpClient, type HttpClient, type HttpClientOptions } from './client.ts';
export type { Reach, TlsFiles } from './connections.ts';
export type { Exchange, ExchangeLimits, ReceivedBody } from './exchange.ts';
export { isLocalHost } from './local-host.ts';
export {
  type OAuthClientCredentials,
  type OAuthRefreshToken,
  oauthClientCredentials,
  oauthRefreshToken,
} from './oauth.ts';
export type {
  Delayed,
  Details,
  InDoubt,
  Misconfigured,
  Ok,
  Outcome,
  Rejected,
  ResponseHeaders,
  Throttled,
  Trouble,
  Unavailable,
} from './outcome.ts';
export { failed, notStarted, type Performed, performGuarded } from './perform-guarded.ts';
export { type RateLimitReading, readRateLimit } from './rate-limit-header.ts';
export { redactJson, redactText } from './redact.ts';
export type { HttpRequest, Layer, Part, RequestBody, Send } from './request.ts';
export type { RequestSeen } from './request-seen.ts';
export { readRetryAfter } from './retry-after.ts';
export {
  type CallSeen,
  createGuard,
  type Guard,
  type GuardedCall,
  type GuardObserver,
  type GuardOptions,
} from './shared/guard.ts';
export {
  type KeptToken,
  type KeptTokens,
  type RedisTokensOptions,
  redisTokens,
} from './shared/kept-tokens.ts';
export { type Pins, type RedisPinsOptions, redisPins } from './shared/pins.ts';
export { type ProviderHealth, providerHealth } from './shared/provider-health.ts';
export { type RedisStoreOptions, redisStore } from './shared/redis-store.ts';
export { type ReopenedAccount, reopenProvider } from './shared/reopen.ts';
export type { Limits, SharedStore, Standing } from './shared/shared-store.ts';
export type { Sharing } from './shared/sharing.ts';
export type { ErrorSeen, OutcomeKind } from './shared/tally.ts';
export type { ClientAuth } from './token-endpoint.ts';
export { type Origin, readTraceparent, traceparentOf } from './trace-context.ts';
export {
  type Operation,
  type Refusal,
  type Unwrappable,
  unwrap,
} from './unwrap.ts';
