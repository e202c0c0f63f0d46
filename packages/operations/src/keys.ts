import { createHash } from 'node:crypto';
import { tagOf } from '@holdfast/redis';

/** @param tag the engine's, so that one script may touch several of these in a cluster */
const keysWith = (tag: string) => ({
  /** Stream: what operators did to a tenant's runs and keys. Bounded by its length. No TTL. */
  audit: (tenant: string) => `${tag}/audit/${tenant}`,
  /** Stream: the same entries, of one run. Expires some time after the last. */
  auditOfRun: (runId: string) => `${tag}/audit-run/${runId}`,
  /** Hash: actions that have begun and whose end is not written yet. Empty but for crashes. No TTL. */
  auditOpen: (tenant: string) => `${tag}/audit-open/${tenant}`,
  /** Hash: an API key, without its secret. One that has an end expires some time after it; any other: No TTL. */
  apiKey: (id: string) => `${tag}/api-key/${id}`,
  /** Sorted set: ids of a tenant's API keys → when they were created. No TTL. */
  apiKeys: (tenant: string) => `${tag}/api-keys/${tenant}`,
  /** Hash: an endpoint for webhooks, its secrets sealed. Gone once it is deleted. No TTL. */
  webhookEndpoint: (id: string) => `${tag}/webhook-endpoint/${id}`,
  /** Sorted set: a tenant's endpoints, as `<created at>:<id>`. No TTL. */
  webhookEndpoints: (tenant: string) => `${tag}/webhook-endpoints/${tenant}`,
  /** Sorted set: an endpoint's deliveries, as `@holdfast/outgoing` keeps them. No TTL. */
  webhookDeliveries: (endpoint: string) => `${tag}/webhook-deliveries/${endpoint}`,
  /** Sorted set: endpoints for which deliveries wait, as `@holdfast/outgoing` keeps them. No TTL. */
  webhookLanes: `${tag}/webhook-lanes`,
  /** Hash: what was answered to an Idempotency-Key, sealed. Expires. */
  webhookAnswer: (tenant: string, request: string) =>
    `${tag}/webhook-answer/${tenant}/${createHash('sha256').update(request).digest('hex')}`,
  /** Sorted set: kind of alert → when it is to be sent. Gone when there is none. No TTL. */
  alerts: `${tag}/alerts`,
  /** Hash: what is counted of a kind until it is sent. Expires. */
  alertCounts: (kind: string) => `${tag}/alert/${kind}`,
  /** Hash: what of a kind is being sent. Expires. */
  alertSending: (kind: string) => `${tag}/alert/${kind}/sending`,
  /** The kind was told of lately. Expires. */
  alertQuiet: (kind: string) => `${tag}/alert/${kind}/quiet`,
  /** This very thing was counted. Expires. */
  alertSeen: (kind: string, identity: string) => `${tag}/alert/${kind}/seen/${identity}`,
  /** Hash: an API process → what tenants use of it, as it said last. Expires a minute after the last said something. */
  apiUse: `${tag}/api-use`,
  /** What a request with an Idempotency-Key was answered, or that it is being worked on. Expires. */
  replay: (hash: string) => `${tag}/replay/${hash}`,
});

/** The keys of the system that a connection belongs to. */
export function keysOf(connection: object): ReturnType<typeof keysWith> {
  return keysWith(tagOf(connection));
}
