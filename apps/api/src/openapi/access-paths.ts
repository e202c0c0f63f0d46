import type { ProblemCode } from '../problems.ts';
import { AuditQuery } from '../routes/audit.ts';
import { jsonContent } from './json-content.ts';
import { problemResponses } from './problem-responses.ts';
import { queryParameters } from './query-parameters.ts';

const KEY = {
  ...{ id: '3f9a1c02b7d45e68', name: 'night shift', tenant: 'shop', scopes: ['read', 'operate'] },
  ...{ createdAt: '2026-03-02T03:12:00.000Z', createdBy: 'ops', expiresAt: '2026-05-31T03:12:00.000Z' },
};

const CREATED = { ...KEY, key: 'hf_3f9a1c02b7d45e68_Zm9yIHRoZSBkb2NzLCBub3QgYSByZWFsIGtleSBhdCBhbGw' };

const ENTRY = {
  ...{
    id: '1772421120000-0',
    at: '2026-03-02T03:12:00.000Z',
    actor: 'night shift',
    actorKey: '5d2f0c9a1b7e4863',
    via: 'api',
  },
  ...{ action: 'redrive', runId: 'run_5c0d2f6a8e914b7c8d3e2f1a0b9c8d7e', outcome: 'redriven' },
  ...{ before: 'dead', after: 'pending' },
};

/** Who may call, and who did what. */
export function accessPaths(): Record<string, object> {
  return {
    '/v1/keys': {
      get: {
        ...{ operationId: 'listKeys', tags: ['Keys'], summary: "List the tenant's API keys" },
        description:
          'Newest first, without the keys themselves. Revoked and expired keys are listed for another 30 days. Needs the scope `keys`.',
        responses: {
          '200': {
            description: 'The full list.',
            content: jsonContent('KeyList', { keys: { data: [KEY] } }),
          },
          ...problems(),
        },
      },
      post: {
        ...{ operationId: 'createKey', tags: ['Keys'], summary: 'Create an API key' },
        description:
          'For the tenant of the calling key, with no more scopes than the calling key has and no later expiry: without `expiresIn` it expires when the calling key does. Needs the scope `keys`.',
        requestBody: {
          required: true,
          content: jsonContent('NewKey', {
            key: { name: 'night shift', scopes: ['read', 'operate'], expiresIn: '90d' },
          }),
        },
        responses: {
          '201': {
            description: 'The key. It is shown only once.',
            content: jsonContent('CreatedKey', { key: CREATED }),
          },
          ...problems('body_missing', ...BODY),
        },
      },
    },
    '/v1/keys/{id}': {
      delete: {
        ...{ operationId: 'revokeKey', tags: ['Keys'], summary: 'Revoke an API key' },
        description:
          'Effective at once, in every process. Idempotent. With `cascade=true` every key created with it is revoked too. Needs the scope `keys`.',
        parameters: [{ name: 'id', in: 'path', required: true, schema: { type: 'string' } }],
        responses: {
          '200': {
            description: 'The key, revoked.',
            content: jsonContent('Key', { revoked: { ...KEY, revokedAt: '2026-03-03T00:00:00.000Z' } }),
          },
          ...problems('route_not_found', 'key_not_found', ...BODY),
        },
      },
    },
    '/v1/audit': {
      get: {
        ...{ operationId: 'listAudit', tags: ['Keys'], summary: 'List what operators did' },
        description:
          'Actions on runs and keys of your tenant, newest first. Entries are kept for 400 days; those of one run for 90 days ' +
          'after the last. Needs the scope `audit`.',
        parameters: queryParameters(AuditQuery),
        responses: {
          '200': { description: 'A page.', content: jsonContent('AuditList', { page: { data: [ENTRY] } }) },
          ...problems('query_invalid', 'cursor_invalid'),
        },
      },
    },
  };
}

const BODY = [
  'body_malformed',
  'ambiguous_json',
  'body_too_large',
  'media_type_unsupported',
  'validation_failed',
] as const;

function problems(...more: readonly ProblemCode[]): Record<string, object> {
  return problemResponses(
    ...([
      'request_malformed',
      'api_key_missing',
      'api_key_invalid',
      'not_authenticated',
      'rate_limited',
      'scope_missing',
    ] as const),
    ...(['request_timeout', 'headers_too_large', 'internal_error', 'store_unavailable'] as const),
    ...more,
  );
}
