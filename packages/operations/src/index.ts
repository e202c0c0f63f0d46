export {
  type Alerts,
  type AlertsOptions,
  type AlertTiming,
  createAlerts,
  raiseAlert,
} from './alerts/alerts.ts';
export type { AlertEvent, AlertKind } from './alerts/event.ts';
export type { AlertMessage } from './alerts/message.ts';
export {
  type ApiKey,
  type ApiKeys,
  createApiKeys,
  KeyName,
  MAX_KEY_HOLDS_MS,
  type NewApiKey,
  SCOPES,
  type Scope,
  Tenant,
} from './api-keys.ts';
export {
  type ApiLimits,
  type ApiUse,
  type ApiUseReport,
  type OpenNow,
  readApiUse,
  reportApiUse,
} from './api-use.ts';
export {
  type Actor,
  AUDIT_ACTIONS,
  type AuditAction,
  type AuditEntry,
  type AuditedChange,
  type AuditPage,
  type AuditQuery,
  createAuditLog,
  type SecurityAction,
} from './audit-log.ts';
export type { BulkEnd, BulkReached } from './bulk.ts';
export type { BulkProgress, BulkRedrive, BulkResult } from './bulk-redrive.ts';
export type { BulkSteer, BulkSteerOrder } from './bulk-steer.ts';
export {
  createOperations,
  type Operations,
  type OperationsOptions,
  reopenAudited,
  SECURITY,
  SYSTEM,
} from './operations.ts';
export {
  type Claim,
  type Claimed,
  createReplays,
  type KeptAnswer,
  REPLAYED_FOR_MS,
  type Replays,
} from './replays.ts';
export { readTenants, type TenantsView, type TenantView } from './tenants.ts';
export {
  createWebhookEndpoints,
  ENDPOINT_STATUSES,
  type EndpointChange,
  EndpointEvents,
  type EndpointPage,
  type NewEndpoint,
  type Repeatable,
  type WebhookEndpoint,
  type WebhookEndpoints,
  type WithSecret,
} from './webhook-endpoints.ts';
