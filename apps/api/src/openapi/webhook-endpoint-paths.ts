import type { ProblemCode } from '../problems.ts';
import { EndpointsQuery } from '../routes/webhook-endpoints.ts';
import { jsonContent } from './json-content.ts';
import { problemResponses } from './problem-responses.ts';
import { queryParameters } from './query-parameters.ts';

const ENDPOINT = {
  id: 'whe_3f9a1c02b7d45e683f9a1c02b7d45e68',
  url: 'https://hooks.example.com/holdfast',
  events: ['run.completed', 'payment.*'],
  status: 'active',
  createdAt: '2026-03-02T03:12:00.000Z',
};
const SECRET = { secret: 'whsec_Zm9yIHRoZSBkb2NzLCBub3QgYSByZWFsIHNlY3JldCE=' };

export const ID = { name: 'id', in: 'path', required: true, schema: { type: 'string' } };
const REPEAT = {
  name: 'Idempotency-Key',
  in: 'header',
  required: false,
  description: 'The same request with it again within 24 hours has the same answer, secret included.',
  schema: { type: 'string', minLength: 1, maxLength: 255 },
};

/** Where a tenant has its events sent. */
export function webhookEndpointPaths(): Record<string, object> {
  return {
    '/v1/webhook-endpoints': {
      get: {
        operationId: 'listWebhookEndpoints',
        tags: ['Webhooks'],
        summary: 'List webhook endpoints',
        description: 'The newest first, without secrets. Needs the scope `read`.',
        parameters: queryParameters(EndpointsQuery),
        responses: {
          '200': {
            description: 'A page.',
            content: jsonContent('WebhookEndpointList', { page: { data: [ENDPOINT] } }),
          },
          ...problems('query_invalid', 'cursor_invalid'),
        },
      },
      post: {
        operationId: 'createWebhookEndpoint',
        tags: ['Webhooks'],
        summary: 'Create a webhook endpoint',
        description: 'The secret is shown here and at rotation only. Needs the scope `operate`.',
        parameters: [REPEAT],
        requestBody: {
          required: true,
          content: jsonContent('NewWebhookEndpoint', {
            endpoint: { url: ENDPOINT.url, events: ENDPOINT.events },
          }),
        },
        responses: {
          '201': {
            description: 'The endpoint, with its secret.',
            content: jsonContent('CreatedWebhookEndpoint', { created: { ...ENDPOINT, ...SECRET } }),
          },
          ...problems(...BODY, 'webhook_url_refused', ...KEY),
        },
      },
    },
    '/v1/webhook-endpoints/{id}': {
      delete: {
        operationId: 'deleteWebhookEndpoint',
        tags: ['Webhooks'],
        summary: 'Delete a webhook endpoint',
        description: 'Needs the scope `operate`.',
        parameters: [ID],
        responses: {
          '204': { description: 'It is gone, and so are its secrets.' },
          ...problems(...NOT_FOUND, ...BODY.filter((code) => code !== 'body_missing')),
        },
      },
      get: {
        operationId: 'readWebhookEndpoint',
        tags: ['Webhooks'],
        summary: 'See a webhook endpoint',
        description: 'Without its secret. Needs the scope `read`.',
        parameters: [ID],
        responses: {
          '200': {
            description: 'The endpoint.',
            content: jsonContent('WebhookEndpoint', { endpoint: ENDPOINT }),
          },
          ...problems(...NOT_FOUND),
        },
      },
      patch: {
        operationId: 'changeWebhookEndpoint',
        tags: ['Webhooks'],
        summary: 'Change a webhook endpoint',
        description: 'What is left out stays. Needs the scope `operate`.',
        parameters: [ID],
        requestBody: {
          required: true,
          content: jsonContent('ChangeWebhookEndpoint', { pause: { status: 'paused' } }),
        },
        responses: {
          '200': {
            description: 'The endpoint as it is now.',
            content: jsonContent('WebhookEndpoint', { paused: { ...ENDPOINT, status: 'paused' } }),
          },
          ...problems(...NOT_FOUND, ...BODY, 'webhook_url_refused'),
        },
      },
    },
    '/v1/webhook-endpoints/{id}/rotate-secret': {
      post: {
        operationId: 'rotateWebhookSecret',
        tags: ['Webhooks'],
        summary: 'Give an endpoint another secret',
        description: 'The secret before signs as well until the overlap is over. Needs the scope `operate`.',
        parameters: [ID, REPEAT],
        requestBody: {
          required: true,
          content: jsonContent('RotateWebhookSecret', { rotation: { overlap: '24h' } }),
        },
        responses: {
          '200': {
            description: 'The new secret.',
            content: jsonContent('WebhookSecret', { secret: SECRET }),
          },
          ...problems(...NOT_FOUND, ...BODY, ...KEY),
        },
      },
    },
  };
}

export const NOT_FOUND = ['route_not_found', 'webhook_endpoint_not_found'] as const;
const KEY = ['idempotency_key_invalid', 'idempotency_key_reused'] as const;
export const BODY = [
  'body_missing',
  'body_malformed',
  'ambiguous_json',
  'body_too_large',
  'media_type_unsupported',
  'validation_failed',
] as const;

export function problems(...more: readonly ProblemCode[]): Record<string, object> {
  return problemResponses(
    'request_malformed',
    'api_key_missing',
    'api_key_invalid',
    'not_authenticated',
    'rate_limited',
    'scope_missing',
    'request_timeout',
    'headers_too_large',
    'internal_error',
    'store_unavailable',
    'encryption_keys_missing',
    ...more,
  );
}
