import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PROBLEMS } from '../src/problems.ts';
import { ORDER } from './support/order.ts';
import { PAYMENT } from './support/payment-service.ts';
import { startTestApi, type TestApi } from './support/test-api.ts';

interface MediaType {
  readonly schema: object;
  readonly example?: unknown;
  readonly examples?: Readonly<Record<string, { readonly value: unknown }>>;
}
interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly security?: readonly object[];
  readonly parameters?: readonly object[];
  readonly requestBody?: { readonly content: Readonly<Record<string, MediaType>> };
  readonly responses: Readonly<
    Record<string, { readonly description: string; readonly content?: Readonly<Record<string, MediaType>> }>
  >;
}
interface Document {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, object>> };
}

let api: TestApi;
let document: Document;
let operations: Operation[];
const ajv = new Ajv2020({ strict: false, allErrors: true });
addFormats.default(ajv);

beforeAll(async () => {
  api = await startTestApi();
  const { json } = await api.ask({ path: '/openapi.json' });
  document = json as unknown as Document;
  operations = Object.values(document.paths).flatMap((path) => Object.values(path));
  ajv.addSchema({ $id: 'openapi', components: document.components });
});
afterAll(() => api.stop());

const validators = new Map<string, ValidateFunction>();

function faultsOf(schema: object, value: unknown): string {
  const absolute = JSON.stringify(schema).replaceAll('"#/', '"openapi#/');
  const validate = validators.get(absolute) ?? ajv.compile(JSON.parse(absolute));
  validators.set(absolute, validate);
  return validate(value) ? '' : ajv.errorsText(validate.errors);
}

test('is OpenAPI 3.1', () => {
  expect(document.openapi).toBe('3.1.0');
  expect(new Set(operations.map((o) => o.operationId)).size).toBe(operations.length);
});

test('has every route that is served, and serves every route it has', async () => {
  const served = [
    ...['/v1/orders', '/v1/flows/{flow}/runs', '/v1/flows/order/runs', '/v1/flows/payment/runs'],
    '/v1/runs/{id}',
    ...[
      '/v1/runs',
      '/v1/runs/bulk',
      '/v1/runs/cancel',
      '/v1/runs/rerun',
      '/v1/dead-letters',
      '/v1/dead-letters/redrive',
    ],
    ...['/v1/flows', '/v1/flows/{flow}/pause', '/v1/flows/{flow}/resume'],
    ...['/v1/webhooks/{source}', '/v1/webhook-events', '/v1/callbacks/{id}'],
    ...['', '/{id}'].map((what) => `/v1/webhook-endpoints${what}`),
    ...['rotate-secret', 'test', 'replay', 'deliveries', 'deliveries/{deliveryId}/retry'].map(
      (what) => `/v1/webhook-endpoints/{id}/${what}`,
    ),
    ...['/v1/state', '/v1/state/{name}', '/v1/schedules', '/v1/schedules/{name}'],
    ...['pause', 'resume', 'trigger'].map((what) => `/v1/schedules/{name}/${what}`),
    ...['/v1/providers', '/v1/keys', '/v1/keys/{id}', '/v1/audit'],
    ...['/v1/payments', '/v1/payments/{id}', '/v1/payments/{id}/refunds', '/v1/orders/{id}/refunds'],
    ...['cancel', 'rerun', 'signals/{name}', 'events', 'attempts', 'payloads', 'timeline.svg'].map(
      (what) => `/v1/runs/{id}/${what}`,
    ),
    ...['redrive', 'resolve', 'cancel'].map((what) => `/v1/dead-letters/{runId}/${what}`),
  ];
  const service = ['/livez', '/readyz', '/metrics', '/openapi.json', '/docs', '/docs/errors'];
  expect(Object.keys(document.paths).sort()).toEqual([...served, ...service].sort());
  for (const [template, methods] of Object.entries(document.paths)) {
    const path = template.replace('{flow}', 'order').replace(/\{\w+\}/g, 'run_1');
    const { headers } = await api.ask({ method: 'TRACE', path });
    const allowed = String(headers.allow)
      .split(', ')
      .filter((method) => method !== 'HEAD');
    const documented = Object.keys(methods).map((method) => method.toUpperCase());
    expect({ path, allowed }).toEqual({ path, allowed: documented.sort() });
  }
});

test('has every error code the API can answer, but for those of no operation', () => {
  const described = JSON.stringify(document.paths);
  const missing = Object.keys(PROBLEMS).filter((code) => !described.includes(`"code":"${code}"`));
  expect(missing).toEqual(['method_not_allowed', 'body_already_parsed']);
});

test('its examples are what its schemas say', () => {
  const media = operations.flatMap((operation) => [
    ...Object.values(operation.requestBody?.content ?? {}),
    ...Object.values(operation.responses).flatMap((response) => Object.values(response.content ?? {})),
  ]);
  const examples = media.flatMap(({ schema, example, examples }) => [
    ...(example === undefined ? [] : [{ schema, value: example }]),
    ...Object.values(examples ?? {}).map(({ value }) => ({ schema, value })),
  ]);
  expect(examples.length).toBeGreaterThan(40);
  for (const { schema, value } of examples) expect(faultsOf(schema, value)).toBe('');
});

test('its input schema takes what the API takes and refuses what is plainly wrong', () => {
  const { OrderInput = {} } = document.components.schemas;
  expect(faultsOf(OrderInput, ORDER)).toBe('');
  expect(faultsOf(OrderInput, { ...ORDER, coupon: 'X' })).not.toBe('');
  expect(faultsOf(OrderInput, { ...ORDER, items: [] })).not.toBe('');
});

test('it does not offer to submit what the API takes elsewhere alone', () => {
  const { PaymentInput = {} } = document.components.schemas;
  expect(faultsOf(PaymentInput, PAYMENT)).toBe('');
  expect(document.components.schemas).not.toHaveProperty('RefundInput');
  const [flow] = document.paths['/v1/flows/{flow}/runs']?.post?.parameters ?? [];
  expect(flow).toMatchObject({ name: 'flow', schema: { enum: ['order', 'payment'] } });
});

test('each flow has a path of its own, with its input', () => {
  const schemaAt = (path: string) =>
    document.paths[path]?.post?.requestBody?.content?.['application/json']?.schema;
  expect(schemaAt('/v1/flows/order/runs')).toEqual({ $ref: '#/components/schemas/OrderInput' });
  expect(schemaAt('/v1/flows/payment/runs')).toEqual({ $ref: '#/components/schemas/PaymentInput' });
});

describe('the page for people', () => {
  test('is complete without asking anyone else', async () => {
    const { status, headers, text } = await api.ask({ path: '/docs' });
    expect(status).toBe(200);
    expect(headers['content-type']).toMatch(/^text\/html/);
    expect(headers['content-security-policy']).toContain("default-src 'self'");
    const links = [...text.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, link]) => link);
    expect(links.length).toBeGreaterThan(3);
    for (const link of links) {
      const { origin, pathname } = new URL(String(link), `${api.url}/docs`);
      expect(origin).toBe(api.url);
      expect({ pathname, status: (await api.ask({ path: pathname })).status }).toEqual({
        pathname,
        status: 200,
      });
    }
    expect((await api.ask({ path: '/docs/json' })).json).toMatchObject({ openapi: '3.1.0' });
  });
});
