export { type Auth, basic, bearer, header } from './auth.ts';
export {
  classifyExchange,
  type ErrorReading,
  type Expectation,
  type ReadError,
  requestIdOf,
} from './classify.ts';
export { createHttpClient, type HttpClient, type HttpClientOptions } from './client.ts';
export type { Exchange, ExchangeLimits, ReceivedBody } from './exchange.ts';
export { isLocalHost } from './local-host.ts';
export { type OAuthClientCredentials, oauthClientCredentials } from './oauth.ts';
export type {
  Delayed,
  Details,
  InDoubt,
  Ok,
  Outcome,
  Rejected,
  ResponseHeaders,
  Throttled,
  Trouble,
  Unavailable,
} from './outcome.ts';
export { redactJson, redactText } from './redact.ts';
export type { HttpRequest, Layer, Send } from './request.ts';
