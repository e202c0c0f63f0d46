export type { Actor, AuditAction, AuditEntry, AuditPage, AuditQuery } from './audit-log.ts';
export type { BulkProgress, BulkRedrive, BulkResult } from './bulk-redrive.ts';
export { createOperations, type Operations, type OperationsOptions } from './operations.ts';
