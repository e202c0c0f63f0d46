import { DeliveriesQuery } from '../routes/webhook-deliveries.ts';
import { jsonContent } from './json-content.ts';
import { queryParameters } from './query-parameters.ts';
import { BODY, ID, NOT_FOUND, problems } from './webhook-endpoint-paths.ts';

const DELIVERY = {
  id: 'msg_9b1f6a0c44e85d219b1f6a0c44e85d21',
  event: 'run.completed',
  runId: 'run_3f9a1c02b7d45e683f9a1c02b7d45e68',
  status: 'delivered',
  attempts: 2,
  lastStatus: 204,
  latencyMs: 38,
  createdAt: '2026-03-02T03:12:00.000Z',
  deliveredAt: '2026-03-02T03:12:05.311Z',
};
const REPEAT = {
  name: 'Idempotency-Key',
  in: 'header',
  required: false,
  description: 'The same request with it again within 24 hours has the same answer, and sends nothing more.',
  schema: { type: 'string', minLength: 1, maxLength: 255 },
};
const KEY = ['idempotency_key_invalid', 'idempotency_key_reused', 'request_in_progress'] as const;
const NO_BODY = BODY.filter((code) => code !== 'body_missing');

/** What was sent to an endpoint, and sending it again. */
export function webhookDeliveryPaths(): Record<string, object> {
  const path = '/v1/webhook-endpoints/{id}';
  return {
    [`${path}/deliveries`]: {
      get: {
        operationId: 'listWebhookDeliveries',
        tags: ['Webhooks'],
        summary: 'List deliveries to an endpoint',
        description: 'The newest first. Needs the scope `read`.',
        parameters: [ID, ...queryParameters(DeliveriesQuery)],
        responses: {
          '200': {
            description: 'A page.',
            content: jsonContent('WebhookDeliveryList', { page: { data: [DELIVERY] } }),
          },
          ...problems(...NOT_FOUND, 'query_invalid', 'cursor_invalid'),
        },
      },
    },
    [`${path}/test`]: {
      post: {
        operationId: 'testWebhookEndpoint',
        tags: ['Webhooks'],
        summary: 'Send a test event',
        description:
          'Sends an event of the type `webhook.test`, whatever the filter and the status of the endpoint. Needs the scope `operate`.',
        parameters: [ID, REPEAT],
        responses: {
          '202': {
            description: 'It is sent; the list of deliveries says what came of it.',
            content: jsonContent('WebhookDeliveryAccepted', { accepted: { id: DELIVERY.id } }),
          },
          ...problems(...NOT_FOUND, ...NO_BODY, ...KEY),
        },
      },
    },
    [`${path}/deliveries/{deliveryId}/retry`]: {
      post: {
        operationId: 'retryWebhookDelivery',
        tags: ['Webhooks'],
        summary: 'Send a delivery once more',
        description:
          'At once, with the same `webhook-id`, also one that was delivered or given up. Needs the scope `operate`.',
        parameters: [
          ID,
          { name: 'deliveryId', in: 'path', required: true, schema: { type: 'string' } },
          REPEAT,
        ],
        responses: {
          '202': {
            description: 'It is sent.',
            content: jsonContent('WebhookDeliveryAccepted', { accepted: { id: DELIVERY.id } }),
          },
          ...problems(...NOT_FOUND, 'webhook_delivery_not_found', ...NO_BODY, ...KEY),
        },
      },
    },
    [`${path}/replay`]: {
      post: {
        operationId: 'replayWebhooks',
        tags: ['Webhooks'],
        summary: 'Send the events of a time once more',
        description:
          "The tenant's events from `since` to before `until` that fit the endpoint's filter, also those from before it existed. " +
          'One that was sent before keeps its `webhook-id`. Needs the scope `operate`.',
        parameters: [ID, REPEAT],
        requestBody: {
          required: true,
          content: jsonContent('ReplayWebhooks', {
            night: {
              ...{ since: '2026-03-02T00:00:00Z', until: '2026-03-02T06:00:00Z' },
              events: ['run.completed'],
            },
          }),
        },
        responses: {
          '202': {
            description: 'They are sent.',
            content: jsonContent('ReplayedWebhooks', { accepted: { count: 42 } }),
          },
          ...problems(...NOT_FOUND, ...BODY, ...KEY),
        },
      },
    },
  };
}
