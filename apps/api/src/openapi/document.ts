import type { FlowContract } from '@holdfast/engine';
import type { Routes, SubmitExamples } from '@holdfast/project';
import { elsewhereIn } from '../routes/submit.ts';
import { accessPaths } from './access-paths.ts';
import { bulkPaths } from './bulk-paths.ts';
import { callbackPath } from './callback-path.ts';
import { evidencePaths } from './evidence-paths.ts';
import { COMPLETED_RUN_EXAMPLE, FAILED_RUN_EXAMPLE, PENDING_RUN_EXAMPLE } from './examples.ts';
import { flowPaths } from './flow-paths.ts';
import { withIdempotencyKeys } from './idempotency.ts';
import { listPaths } from './list-paths.ts';
import { operatePaths } from './operate-paths.ts';
import { providersPath } from './providers-path.ts';
import { readOperation } from './read-operation.ts';
import { runContent } from './run-content.ts';
import { runEventsPath } from './run-events-path.ts';
import { schedulePaths } from './schedule-paths.ts';
import { componentSchemas, inputSchemaName } from './schemas.ts';
import { statePaths } from './state-paths.ts';
import { submitOperation } from './submit-operation.ts';
import { timelinePath } from './timeline-path.ts';
import { webhookDeliveryPaths } from './webhook-delivery-paths.ts';
import { webhookEndpointPaths } from './webhook-endpoint-paths.ts';
import { webhookPaths } from './webhook-paths.ts';

/**
 * The OpenAPI 3.1 description of the whole API. A test holds it against the routes and against real answers.
 * @param basePath where clients reach the API; empty at the root
 */
export function openApiDocument(allFlows: readonly FlowContract[], routes: readonly Routes[], basePath = '') {
  const elsewhere = elsewhereIn(routes);
  const flows = allFlows.filter(({ name }) => !elsewhere.has(name));
  const examples: Readonly<Record<string, SubmitExamples>> = Object.assign(
    {},
    ...routes.map((own) => own.examples),
  );
  return {
    openapi: '3.1.0',
    info: {
      title: 'Holdfast',
      version: '1.0.0',
      description:
        'Runs multi-step work against outside services. Once a request is answered with 202, the work finishes; what cannot ' +
        'finish by itself waits, as `dead`, for a person. Every error is `application/problem+json` with a stable `code`; ' +
        `the codes are explained at [/docs/errors](${basePath}/docs/errors).`,
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: basePath || '/' }],
    security: [{ apiKey: [] as string[] }],
    tags: [
      { name: 'Runs', description: 'Submit work, follow it, steer it.' },
      { name: 'Flows', description: 'What there is to run, and whether it begins.' },
      { name: 'Payments', description: 'Charge a card, follow the payment, refund it.' },
      { name: 'Dead letters', description: 'Runs that wait for a person.' },
      { name: 'Webhooks', description: 'What others tell us, and whom we tell.' },
      { name: 'Schedules', description: 'Runs that are submitted when their time comes.' },
      { name: 'State', description: 'Durable values that flows read and change.' },
      { name: 'Providers', description: 'Health of the services that runs call.' },
      { name: 'Keys', description: 'API keys, and what operators did.' },
      { name: 'Service', description: 'Health, metrics and this description. No key needed.' },
    ],
    paths: withIdempotencyKeys({
      '/v1/flows/{flow}/runs': {
        post: submitOperation({
          operationId: 'submitRun',
          tag: 'Runs',
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
          bodySchema: oneOfThese(flows.map((f) => ({ $ref: `#/components/schemas/${inputSchemaName(f)}` }))),
          examples: Object.values(examples)[0],
          problems: ['route_not_found', 'flow_unknown', 'flow_not_submittable'],
        }),
      },
      ...Object.fromEntries(
        flows.map((flow) => [`/v1/flows/${flow.name}/runs`, flowPath(flow, examples[flow.name])]),
      ),
      ...Object.assign({}, ...routes.map(({ paths }) => paths)),
      ...listPaths(),
      '/v1/runs/{id}': {
        get: readOperation({
          operationId: 'readRun',
          tag: 'Runs',
          summary: 'Show a run',
          description: 'A failed run is a 200 as well.',
          shows: 'The run.',
          content: runContent({
            pending: PENDING_RUN_EXAMPLE,
            completed: COMPLETED_RUN_EXAMPLE,
            failed: FAILED_RUN_EXAMPLE,
          }),
          notFound: 'run_not_found',
        }),
      },
      ...evidencePaths(),
      ...webhookPaths(),
      ...webhookEndpointPaths(),
      ...webhookDeliveryPaths(),
      ...callbackPath(),
      ...statePaths(),
      ...schedulePaths(),
      ...runEventsPath(),
      ...timelinePath(),
      ...bulkPaths(),
      ...operatePaths(),
      ...flowPaths(),
      ...providersPath(),
      ...accessPaths(),
      ...servicePaths(),
    }),
    components: {
      securitySchemes: {
        apiKey: {
          type: 'http',
          scheme: 'bearer',
          description:
            'An API key, `hf_…`. Each operation names the scope it needs: `submit`, `read`, `payloads`, `signal`, `operate`, `keys` or `audit`. No answer shows what the scopes do not cover: without `read`, an answer has no `output` and no details of errors.',
        },
      },
      schemas: { ...componentSchemas(flows), ...Object.assign({}, ...routes.map(({ schemas }) => schemas)) },
    },
  };
}

function oneOfThese(schemas: readonly object[]): object {
  const [only, ...others] = schemas;
  return others.length > 0 ? { anyOf: schemas } : (only ?? {});
}

/** How a run of this flow is accepted. */
function flowPath(flow: FlowContract, examples: SubmitExamples | undefined): object {
  return {
    post: submitOperation({
      operationId: `submit${inputSchemaName(flow).replace(/Input$/, 'Run')}`,
      tag: 'Runs',
      summary: `Accept a run of the flow \`${flow.name}\``,
      description: "The body is the flow's input and nothing else.",
      bodySchema: { $ref: `#/components/schemas/${inputSchemaName(flow)}` },
      examples,
      problems: ['route_not_found', 'flow_unknown', 'flow_not_submittable'],
    }),
  };
}

const VERBOSE = {
  name: 'verbose',
  in: 'query',
  description:
    'With a key that has the scope `operate`, also shows the Redis check and its durability attestation.',
  allowEmptyValue: true,
  schema: { type: 'string' },
};

function servicePaths(): Record<string, object> {
  const open = (
    operationId: string,
    summary: string,
    responses: Record<string, object>,
    parameters: readonly object[] = [],
  ) => ({
    get: { operationId, tags: ['Service'], summary, security: [], parameters, responses },
  });
  const json = { 'application/json': { schema: { type: 'object' } } };
  const html = { 'text/html': { schema: { type: 'string' } } };
  return {
    '/livez': open('live', 'Whether the process is alive; does not touch Redis', {
      '200': { description: 'It does.', content: json },
    }),
    '/readyz': open(
      'ready',
      'Whether the process can take work',
      {
        '200': { description: 'It can.', content: json },
        '503': {
          description:
            'Redis is unreachable, refuses writes or has not been checked yet, or the process is stopping.',
          content: json,
        },
      },
      [VERBOSE],
    ),
    '/metrics': open('metrics', 'Metrics for Prometheus', {
      '200': { description: 'Text format.', content: { 'text/plain': { schema: { type: 'string' } } } },
    }),
    '/openapi.json': open('openapi', 'This document', {
      '200': { description: 'OpenAPI 3.1.', content: json },
    }),
    '/docs': open('docs', 'This document for people', { '200': { description: 'A page.', content: html } }),
    '/docs/errors': open('errors', 'Every error code and what to do about it', {
      '200': { description: 'A page; each code is an anchor.', content: html },
    }),
  };
}
