export { HoldfastClient, type HoldfastClientOptions, type ListRuns, type SubmitOptions } from './client.ts';
export type { FlowName, InputOf, OutputOf, Run, TypedConfig, TypedFlow } from './flow-types.ts';
export { type Fault, HoldfastError } from './holdfast-error.ts';
export { verifyWebhook, type WebhookEvent } from './verify-webhook.ts';
