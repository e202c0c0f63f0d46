export {
  type Alerts,
  type AlertsOptions,
  type AlertTiming,
  createAlerts,
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
  type Actor,
  AUDIT_ACTIONS,
  type AuditAction,
  type AuditEntry,
  type AuditPage,
  type AuditQuery,
  createAuditLog,
} from './audit-log.ts';
export type { BulkProgress, BulkRedrive, BulkResult } from './bulk-redrive.ts';
export {
  createOperations,
  type Operations,
  type OperationsOptions,
  reopenAudited,
  SYSTEM,
} from './operations.ts';
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
