import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createClient } from '@holdfast/engine';
import { startRedis, type TestRedis, waitFor } from '@holdfast/testkit';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';

/** examples/telemetry as its README starts it, with a service that makes offers. */
const EXAMPLE = fileURLToPath(new URL('../examples/telemetry', import.meta.url));
const BIN = fileURLToPath(new URL('../packages/holdfast/bin/holdfast.mjs', import.meta.url));
const TRACE_ID = '4bf92f3577b34da6a3ce929d0e0e4736';
const PARENT = '00f067aa0ba902b7';
const PATIENCE_MS = 90_000;
const folder = mkdtempSync(join(tmpdir(), 'holdfast-spans-'));
const SPANS = join(folder, 'spans.jsonl');

interface Span {
  readonly name: string;
  readonly kind: number;
  readonly traceId: string;
  readonly spanId: string;
  readonly parent?: string;
  readonly attributes: Record<string, unknown>;
  readonly status: { readonly code: number };
}

/** What each request to the service came with. */
const traceparents: string[] = [];
const service = createServer((request, response) => {
  traceparents.push(String(request.headers.traceparent));
  const busy = traceparents.length === 1;
  response
    .writeHead(busy ? 429 : 200, { 'content-type': 'application/json', ...(busy && { 'retry-after': '0' }) })
    .end(busy ? '{"code":"busy"}' : '{"price":7}');
});

let redis: TestRedis;
let connection: Redis;
let worker: ChildProcess;
beforeAll(async () => {
  redis = await startRedis();
  connection = new Redis(redis.url, { maxRetriesPerRequest: null });
  service.listen(0, '127.0.0.1');
  await once(service, 'listening');
  const address = service.address();
  if (address === null || typeof address === 'string') throw new Error('no TCP address');
  worker = spawn(process.execPath, [BIN, 'worker'], {
    cwd: EXAMPLE,
    env: {
      PATH: process.env.PATH,
      NODE_OPTIONS: '--import ./telemetry.mjs',
      SPANS_FILE: SPANS,
      HOLDFAST_REDIS_URL: redis.url,
      HOLDFAST_QUOTES_URL: `http://127.0.0.1:${address.port}`,
      HOLDFAST_QUOTES_KEY: 'canary-key-0123456789',
      HOLDFAST_RETRY_SCALE: '0.01',
      HOLDFAST_LOG_LEVEL: 'error',
    },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
}, PATIENCE_MS);
afterAll(async () => {
  const gone = once(worker, 'exit');
  worker.kill('SIGTERM');
  await gone;
  connection.disconnect();
  service.close();
  await redis.stop();
  rmSync(folder, { recursive: true });
}, PATIENCE_MS);

const spans = (): Span[] =>
  existsSync(SPANS)
    ? readFileSync(SPANS, 'utf8')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line))
    : [];

it(
  'traces a run from its submission to the provider',
  async () => {
    const flow = { name: 'offer', version: 1, input: z.unknown(), output: z.unknown() };
    const client = createClient({ connection, flows: [flow] });
    const trace = `00-${TRACE_ID}-${PARENT}-01`;
    const request = { flow: 'offer', input: { item: 'canary-item' }, tenant: 't', fingerprint: 'f', trace };
    const submitted = await client.submit({ ...request, idempotencyKey: 'offer-1' });
    if (submitted.outcome !== 'created') throw new Error(submitted.outcome);
    const { id } = submitted.run;
    await waitFor(() => spans().some(({ attributes }) => attributes['holdfast.run.status'] === 'completed'), {
      what: 'the last span',
      timeoutMs: 60_000,
    });
    await client.close();

    const all = spans();
    expect(new Set(all.map(({ traceId }) => traceId))).toEqual(new Set([TRACE_ID]));
    const runs = all.filter(({ name }) => name === 'holdfast.run');
    expect(runs.map(({ attributes }) => attributes['holdfast.run.status'])).toEqual([
      'suspended', // the provider was busy
      'suspended', // a sleep
      'completed',
    ]);
    for (const run of runs)
      expect(run).toMatchObject({
        parent: PARENT,
        kind: 4,
        attributes: { 'holdfast.run.id': id, 'holdfast.flow': 'offer', 'messaging.system': 'bullmq' },
      });

    const steps = all.filter(({ name }) => name === 'holdfast.step');
    expect(steps).toMatchObject([
      {
        parent: runs[0]?.spanId,
        attributes: { 'holdfast.step': 'quote', 'holdfast.attempt': 1, 'holdfast.step.outcome': 'throttled' },
        status: { code: 2 },
      },
      {
        parent: runs[1]?.spanId,
        attributes: { 'holdfast.attempt': 2, 'holdfast.step.outcome': 'ok', 'offer.item': 'canary-item' },
        status: { code: 0 },
      },
    ]);

    const requests = all.filter(({ name }) => name === 'POST');
    expect(requests).toMatchObject([
      {
        parent: steps[0]?.spanId,
        kind: 2,
        attributes: { 'http.response.status_code': 429 },
        status: { code: 2 },
      },
      {
        parent: steps[1]?.spanId,
        attributes: {
          'http.request.method': 'POST',
          'server.address': '127.0.0.1',
          'http.response.status_code': 200,
        },
      },
    ]);
    expect(traceparents).toEqual(requests.map(({ spanId }) => `00-${TRACE_ID}-${spanId}-01`));
    // the item is there because the example put it there, and nothing else is
    const own = JSON.stringify(all.map(({ attributes: { 'offer.item': _, ...rest } }) => rest));
    expect(own).not.toContain('canary');
  },
  PATIENCE_MS,
);
