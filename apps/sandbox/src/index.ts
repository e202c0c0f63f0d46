export { buildSandbox, type SandboxOptions } from './app.ts';
export { type Fault, OPERATIONS, type Operation } from './faults.ts';
export { type Effect, PROVIDERS, type Provider } from './ledger.ts';
export type { OAuthClient } from './oauth.ts';
export type { WebhookTarget } from './payment/webhook.ts';
export { DEFAULT_SHIPPING_CLIENT, providersEnv } from './providers-env.ts';
export { type RunningSandbox, type StartOptions, startSandbox } from './start.ts';
export type { TlsOptions } from './tls.ts';
