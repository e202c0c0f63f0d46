import { createHash } from 'node:crypto';

/** The engine's hash tag, so that one script may touch several of these in a cluster. */
const TAG = '{hf0}';

export const keys = {
  /** Stream: what operators did to a tenant's runs and keys. Bounded by its length. No TTL. */
  audit: (tenant: string) => `${TAG}/audit/${tenant}`,
  /** Stream: the same entries, of one run. Expires some time after the last. */
  auditOfRun: (runId: string) => `${TAG}/audit-run/${runId}`,
  /** Hash: actions that have begun and whose end is not written yet. Empty but for crashes. No TTL. */
  auditOpen: (tenant: string) => `${TAG}/audit-open/${tenant}`,
  /** Hash: an API key, without its secret. One that has an end expires some time after it; any other: No TTL. */
  apiKey: (id: string) => `${TAG}/api-key/${id}`,
  /** Sorted set: ids of a tenant's API keys → when they were created. No TTL. */
  apiKeys: (tenant: string) => `${TAG}/api-keys/${tenant}`,
  /** Hash: an endpoint for webhooks, its secrets sealed. Gone once it is deleted. No TTL. */
  webhookEndpoint: (id: string) => `${TAG}/webhook-endpoint/${id}`,
  /** Sorted set: a tenant's endpoints, as `<created at>:<id>`. No TTL. */
  webhookEndpoints: (tenant: string) => `${TAG}/webhook-endpoints/${tenant}`,
  /** Sorted set: an endpoint's deliveries, as `@holdfast/outgoing` keeps them. No TTL. */
  webhookDeliveries: (endpoint: string) => `${TAG}/webhook-deliveries/${endpoint}`,
  /** Sorted set: endpoints for which deliveries wait, as `@holdfast/outgoing` keeps them. No TTL. */
  webhookLanes: `${TAG}/webhook-lanes`,
  /** Hash: what was answered to an Idempotency-Key, sealed. Expires. */
  webhookAnswer: (tenant: string, request: string) =>
    `${TAG}/webhook-answer/${tenant}/${createHash('sha256').update(request).digest('hex')}`,
  /** Sorted set: kind of alert → when it is to be sent. Gone when there is none. No TTL. */
  alerts: `${TAG}/alerts`,
  /** Hash: what is counted of a kind until it is sent. Expires. */
  alertCounts: (kind: string) => `${TAG}/alert/${kind}`,
  /** Hash: what of a kind is being sent. Expires. */
  alertSending: (kind: string) => `${TAG}/alert/${kind}/sending`,
  /** The kind was told of lately. Expires. */
  alertQuiet: (kind: string) => `${TAG}/alert/${kind}/quiet`,
  /** This very thing was counted. Expires. */
  alertSeen: (kind: string, identity: string) => `${TAG}/alert/${kind}/seen/${identity}`,
  /** Hash: an API process → what tenants use of it, as it said last. Expires a minute after the last said something. */
  apiUse: `${TAG}/api-use`,
  /** What a request with an Idempotency-Key was answered, or that it is being worked on. Expires. */
  replay: (hash: string) => `${TAG}/replay/${hash}`,
} as const;
