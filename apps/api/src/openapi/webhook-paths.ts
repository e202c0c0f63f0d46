import type { ProblemCode } from '../problems.ts';
import { WebhookEventsQuery } from '../routes/webhooks.ts';
import { jsonContent } from './json-content.ts';
import { problemResponses } from './problem-responses.ts';
import { queryParameters } from './query-parameters.ts';

const SENT = [
  'unknown_webhook_source',
  'request_malformed',
  'body_too_large',
  'media_type_unsupported',
  'webhook_signature_invalid',
  'webhook_malformed',
  'webhook_id_reused',
  'rate_limited',
  'request_timeout',
  'headers_too_large',
  'internal_error',
  'store_unavailable',
] as const satisfies readonly ProblemCode[];

const LISTED = [
  'request_malformed',
  'query_invalid',
  'cursor_invalid',
  'api_key_missing',
  'api_key_invalid',
  'not_authenticated',
  'rate_limited',
  'scope_missing',
  'request_timeout',
  'headers_too_large',
  'internal_error',
  'store_unavailable',
] as const satisfies readonly ProblemCode[];

/** Webhooks that others send. */
export function webhookPaths(): Record<string, object> {
  return {
    '/v1/webhooks/{source}': {
      post: {
        operationId: 'receiveWebhook',
        tags: ['Webhooks'],
        summary: 'Take a webhook',
        description:
          'For the providers that the config, or `HOLDFAST_WEBHOOK_<SOURCE>`, names. The raw body is verified by the scheme of the source before ' +
          'it is parsed. 200 means that the event is durable; sent again it is the same event. No API key: the signature says who it is.',
        security: [],
        parameters: [
          { name: 'source', in: 'path', required: true, schema: { type: 'string' }, example: 'stripe' },
        ],
        requestBody: {
          required: true,
          description: 'At most 256 KiB.',
          content: {
            'application/json': {
              schema: { type: 'object' },
              example: { id: 'evt_1', type: 'payment_intent.succeeded', data: {} },
            },
          },
        },
        responses: {
          '200': {
            description: 'The event is durable, now or since before.',
            content: {
              'application/json': {
                schema: { type: 'object', properties: { received: { const: true } }, required: ['received'] },
                example: { received: true },
              },
            },
          },
          ...problemResponses(...SENT),
        },
      },
    },
    '/v1/webhook-events': {
      get: {
        operationId: 'listWebhookEvents',
        tags: ['Webhooks'],
        summary: 'List the webhooks that were taken',
        description:
          'The newest first. A page may hold fewer than `limit`, or none, and still have a `nextCursor`. Needs the scope `read`.',
        parameters: queryParameters(WebhookEventsQuery),
        responses: {
          '200': {
            description: 'A page.',
            content: jsonContent('WebhookEventList', {
              page: {
                data: [
                  {
                    id: 'evt_1',
                    source: 'stripe',
                    type: 'payment_intent.succeeded',
                    receivedAt: '2026-03-02T03:12:00.000Z',
                    status: 'processed',
                    runId: 'run_3n5d8k2q7v9x1c4b6m0w',
                  },
                ],
              },
            }),
          },
          ...problemResponses(...LISTED),
        },
      },
    },
  };
}
