import type { FlowContract } from '@holdfast/engine';
import { MAX_WAIT_SECONDS } from '../prefer-wait.ts';
import { COMPLETED_RUN_EXAMPLE, FAILED_RUN_EXAMPLE, ORDER_EXAMPLE, PENDING_RUN_EXAMPLE } from './examples.ts';
import { operatePaths } from './operate-paths.ts';
import { problemResponses } from './problem-responses.ts';
import { runContent } from './run-content.ts';
import { componentSchemas, inputSchemaName } from './schemas.ts';

/** The OpenAPI 3.1 description of the whole API. A test holds it against the routes and against real answers. */
export function openApiDocument(flows: readonly FlowContract[]) {
  return {
    openapi: '3.1.0',
    info: {
      title: 'Holdfast',
      version: '1.0.0',
      description:
        'Runs multi-step work against outside services. Once a request is answered with 202, the work finishes; what cannot ' +
        'finish by itself waits, as `dead`, for a person. Every error is `application/problem+json` with a stable `code`; ' +
        'the codes are explained at [/docs/errors](/docs/errors).',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/' }],
    security: [{ apiKey: [] as string[] }],
    tags: [
      { name: 'Runs', description: 'Submit work, see how it stands, steer it.' },
      { name: 'Dead letters', description: 'Runs that wait for a person.' },
      { name: 'Service', description: 'Health, metrics and this description. No key needed.' },
    ],
    paths: {
      '/v1/orders': {
        post: submitOperation({
          operationId: 'submitOrder',
          summary: 'Accept an order',
          description:
            'Charges, reserves, ships and mails an order. The amount charged is the sum of quantity × unitAmount, in minor units.',
          bodySchema: { $ref: '#/components/schemas/OrderInput' },
        }),
      },
      '/v1/flows/{flow}/runs': {
        post: submitOperation({
          operationId: 'submitRun',
          summary: 'Accept a run of any flow',
          description: `The body is the flow's input. Flows: ${flows.map((f) => `\`${f.name}\``).join(', ')}.`,
          parameters: [
            {
              name: 'flow',
              in: 'path',
              required: true,
              schema: { type: 'string', enum: flows.map((f) => f.name) },
            },
          ],
          bodySchema: {
            anyOf: flows.map((f) => ({ $ref: `#/components/schemas/${inputSchemaName(f)}` })),
          },
          more: problemResponses('route_not_found', 'flow_unknown'),
        }),
      },
      '/v1/runs/{id}': { get: readRunOperation() },
      ...operatePaths(),
      ...servicePaths(),
    },
    components: {
      securitySchemes: {
        apiKey: {
          type: 'http',
          scheme: 'bearer',
          description:
            'An API key, `hf_…`. Each operation names the scope it needs: `submit`, `read` or `operate`.',
        },
      },
      schemas: componentSchemas(flows),
    },
  };
}

interface SubmitOperation {
  readonly operationId: string;
  readonly summary: string;
  readonly description: string;
  readonly parameters?: readonly object[];
  readonly bodySchema: object;
  readonly more?: Record<string, object>;
}

function submitOperation(operation: SubmitOperation): object {
  return {
    operationId: operation.operationId,
    tags: ['Runs'],
    summary: operation.summary,
    description: `${operation.description} Needs the scope \`submit\`.`,
    parameters: [...(operation.parameters ?? []), IDEMPOTENCY_KEY, PREFER],
    requestBody: {
      required: true,
      description: 'At most 256 KiB.',
      content: { 'application/json': { schema: operation.bodySchema, example: ORDER_EXAMPLE } },
    },
    responses: {
      '200': {
        description: 'The run has ended: the same request was sent before, or `Prefer: wait` saw it end.',
        headers: SUBMIT_HEADERS,
        content: runContent({ completed: COMPLETED_RUN_EXAMPLE, failed: FAILED_RUN_EXAMPLE }),
      },
      '202': {
        description: 'The run is durable and will finish. Ask at `Location` how it stands.',
        headers: {
          ...SUBMIT_HEADERS,
          'Retry-After': { description: 'Seconds to wait before asking.', schema: { type: 'integer' } },
        },
        content: runContent({ pending: PENDING_RUN_EXAMPLE }),
      },
      ...problemResponses(
        ...(['request_malformed', 'body_missing', 'body_malformed'] as const),
        ...(['idempotency_key_missing', 'idempotency_key_invalid'] as const),
        ...(['api_key_missing', 'api_key_invalid', 'scope_missing', 'request_timeout'] as const),
        ...(['body_too_large', 'media_type_unsupported'] as const),
        ...(['validation_failed', 'idempotency_key_reused'] as const),
        ...(['headers_too_large', 'internal_error', 'store_unavailable'] as const),
      ),
      ...operation.more,
    },
  };
}

function readRunOperation(): object {
  return {
    operationId: 'readRun',
    tags: ['Runs'],
    summary: 'See how a run stands',
    description: 'A run that failed is answered with 200 as well. Needs the scope `read`.',
    parameters: [
      { name: 'id', in: 'path', required: true, schema: { type: 'string' } },
      { name: 'If-None-Match', in: 'header', schema: { type: 'string' }, example: '"12-completed"' },
    ],
    responses: {
      '200': {
        description: 'The run as it stands.',
        headers: { ETag: { schema: { type: 'string' } }, 'Cache-Control': { schema: { type: 'string' } } },
        content: runContent({
          pending: PENDING_RUN_EXAMPLE,
          completed: COMPLETED_RUN_EXAMPLE,
          failed: FAILED_RUN_EXAMPLE,
        }),
      },
      '304': { description: 'Unchanged since the ETag in If-None-Match.' },
      ...problemResponses(
        ...(['request_malformed', 'api_key_missing', 'api_key_invalid', 'scope_missing'] as const),
        ...(['route_not_found', 'run_not_found', 'request_timeout', 'headers_too_large'] as const),
        ...(['internal_error', 'store_unavailable'] as const),
      ),
    },
  };
}

const IDEMPOTENCY_KEY = {
  name: 'Idempotency-Key',
  in: 'header',
  required: true,
  description:
    '1 to 255 visible ASCII characters, bare or as a quoted structured-field string; the same key either way. The same key with ' +
    'the same request is the same run.',
  schema: { type: 'string', minLength: 1 },
  example: 'order-1001',
};

const PREFER = {
  name: 'Prefer',
  in: 'header',
  description: `\`wait=N\`: answer as soon as the run has ended, after N seconds at the latest (at most ${MAX_WAIT_SECONDS}).`,
  schema: { type: 'string' },
  example: 'wait=10',
};

const SUBMIT_HEADERS = {
  Location: { description: 'Where the run is.', schema: { type: 'string', format: 'uri-reference' } },
  'Idempotent-Replayed': {
    description: '`true` when the same request was accepted before.',
    schema: { type: 'string', enum: ['true'] },
  },
  'Preference-Applied': { description: 'The wait that was applied.', schema: { type: 'string' } },
};

function servicePaths(): Record<string, object> {
  const open = (operationId: string, summary: string, responses: Record<string, object>) => ({
    get: { operationId, tags: ['Service'], summary, security: [], responses },
  });
  const json = { 'application/json': { schema: { type: 'object' } } };
  const html = { 'text/html': { schema: { type: 'string' } } };
  return {
    '/livez': open('live', 'Whether the process lives; does not touch Redis', {
      '200': { description: 'It does.', content: json },
    }),
    '/readyz': open('ready', 'Whether it can take work', {
      '200': { description: 'It can.', content: json },
      '503': { description: 'Redis is away or refuses writes, or the process is stopping.', content: json },
    }),
    '/metrics': open('metrics', 'Metrics for Prometheus', {
      '200': { description: 'Text format.', content: { 'text/plain': { schema: { type: 'string' } } } },
    }),
    '/openapi.json': open('openapi', 'This document', {
      '200': { description: 'OpenAPI 3.1.', content: json },
    }),
    '/docs': open('docs', 'This document for people', { '200': { description: 'A page.', content: html } }),
    '/docs/errors': open('errors', 'Every error code and what to do', {
      '200': { description: 'A page; each code is an anchor.', content: html },
    }),
  };
}
