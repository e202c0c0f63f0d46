/**
 * One tenant floods a system of its own while another sends orders: `node scripts/flood.mjs [--seconds 15] [--rate 20] [--limit 30]`.
 * The flood is ten times what the tenant may: requests, waits, streams, looks at a fat run, bulk redrives. Everything is on loopback, and bounded.
 * Exit code 1 when the other tenant's p99 is beyond three times its quiet one, or when anybody is answered 5xx.
 */
import { randomUUID } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { readSettings, startSystem } from '@holdfast/local';
import { createApiKeys } from '@holdfast/operations';
import { Redis } from 'ioredis';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '15' },
    rate: { type: 'string', default: '20' },
    limit: { type: 'string', default: '30' },
  },
});
const SECONDS = Math.min(Number(values.seconds), 120);
const RATE = Math.min(Number(values.rate), 100);
const LIMIT = Math.min(Number(values.limit), 100);

const ORDER = {
  customer: { id: 'cus_1', email: 'ada@example.com', name: 'Ada' },
  items: [{ sku: 'TEE-M', quantity: 1, unitAmount: 1900 }],
  currency: 'usd',
  paymentMethod: 'pm_card_visa',
  shipTo: { name: 'Ada', line1: '1 Main St', city: 'Springfield', postalCode: '12345', country: 'US' },
};
const AGENT = new http.Agent({ keepAlive: true });
const SILENT = { debug() {}, info() {}, warn() {}, error() {} };

const home = mkdtempSync(join(tmpdir(), 'holdfast-flood-'));
const ports = ['API', 'DASHBOARD', 'SANDBOX', 'SMTP', 'REDIS'].map((name) => [`HOLDFAST_${name}_PORT`, '0']);
const env = { ...Object.fromEntries(ports), HOLDFAST_HOME: home, PATH: process.env.PATH };
const system = await startSystem(
  readSettings({ ...env, HOLDFAST_TENANT_RPS: String(LIMIT), HOLDFAST_LOG_LEVEL: 'error' }, { workers: 1 }),
  { reset: false, onEvent: () => {}, signal: new AbortController().signal },
);
let failed = true;
try {
  failed = await measure(system.processes());
} finally {
  await system.stop();
  rmSync(home, { recursive: true, force: true });
}
process.exitCode = failed ? 1 : 0;

async function measure({ api, redis }) {
  const connection = new Redis(redis.url);
  const keys = createApiKeys({ connection, log: SILENT });
  const keyOf = async (tenant) =>
    (
      await keys.create(
        { name: 'flood', via: 'cli' },
        { tenant, name: 'flood', scopes: ['submit', 'read', 'signal', 'operate'] },
      )
    ).key;
  const modest = await keyOf('modest');
  const greedy = await keyOf('greedy');
  await connection.quit();

  await orders(api.url, modest, 3);
  const quiet = await orders(api.url, modest, SECONDS);
  const stop = new AbortController();
  setMaxListeners(0, stop.signal);
  const flood = startFlood(api.url, greedy, stop.signal);
  await delay(2_000);
  const beside = await orders(api.url, modest, SECONDS);
  stop.abort();
  const flooded = await flood;

  const ratio = beside.p99 / quiet.p99;
  console.log(
    `one tenant sends ${RATE} orders a second for ${SECONDS} s; the other floods at 10 × ${LIMIT} requests a second`,
  );
  console.log('                  p50      p99   answers');
  for (const [name, { p50, p99, answers }] of [
    ['quiet', quiet],
    ['beside the flood', beside],
  ])
    console.log(`${name.padEnd(16)}${ms(p50)}${ms(p99)}   ${told(answers)}`);
  console.log(`the flood: ${told(flooded)}`);
  console.log(`p99 beside the flood is ${ratio.toFixed(1)} × the quiet one (at most 3)`);
  const broken = [...Object.keys(beside.answers), ...Object.keys(flooded)].some(
    (status) => Number(status) >= 500,
  );
  if (broken) console.log('somebody was answered 5xx');
  return ratio > 3 || broken;
}

/** Sent at its rate whether or not answers come: a slow answer does not slow the next order down. */
async function orders(url, key, seconds) {
  const times = [];
  const answers = {};
  const sent = [];
  const began = performance.now();
  for (let n = 0; n < seconds * RATE; n += 1) {
    await delay(Math.max(0, began + (n * 1_000) / RATE - performance.now()));
    sent.push(
      (async () => {
        const at = performance.now();
        const status = await ask(url, key, 'POST', '/v1/orders', ORDER).catch(({ code }) => code);
        times.push(performance.now() - at);
        answers[status] = (answers[status] ?? 0) + 1;
      })(),
    );
  }
  await Promise.all(sent);
  times.sort((a, b) => a - b);
  const at = (share) => times[Math.min(times.length - 1, Math.floor(times.length * share))];
  return { p50: at(0.5), p99: at(0.99), answers };
}

async function startFlood(url, key, signal) {
  const answers = {};
  const count = (status) => {
    answers[status] = (answers[status] ?? 0) + 1;
  };
  const fat = await submitted(url, key);
  for (let n = 0; n < 16; n += 1)
    count(
      await ask(url, key, 'POST', `/v1/runs/${fat}/signals/noise`, {
        id: `s${n}`,
        payload: 'x'.repeat(250_000),
      }),
    );
  const open = [];
  for (let n = 0; n < 150; n += 1)
    open.push(ask(url, key, 'GET', `/v1/runs/${fat}/events`, undefined, signal).then(count, () => {}));
  for (let n = 0; n < 300; n += 1)
    open.push(
      ask(url, key, 'POST', '/v1/orders', ORDER, signal, { prefer: 'wait=30' }).then(count, () => {}),
    );
  const looks = [
    () => ask(url, key, 'GET', `/v1/runs/${fat}`, undefined, signal),
    () => ask(url, key, 'GET', '/v1/runs?limit=100', undefined, signal),
    () => ask(url, key, 'POST', '/v1/dead-letters/redrive', { limit: 1_000, dryRun: true }, signal),
    () => ask(url, key, 'POST', '/v1/orders', ORDER, signal),
  ];
  const began = performance.now();
  for (let n = 0; !signal.aborted; n += 1) {
    await delay(Math.max(0, began + (n * 1_000) / (LIMIT * 10) - performance.now()));
    open.push(looks[n % looks.length]().then(count, () => {}));
    if (open.length > 5_000) await Promise.race([Promise.all(open.splice(0, 1_000)), delay(1_000)]);
  }
  await Promise.race([Promise.all(open), delay(5_000)]);
  return answers;
}

async function submitted(url, key) {
  const response = await fetch(`${url}/v1/flows/order/runs`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${key}`,
      ...{ 'content-type': 'application/json', 'idempotency-key': randomUUID() },
      'holdfast-start-at': new Date(Date.now() + 3_600_000).toISOString(),
    },
    body: JSON.stringify(ORDER),
  });
  return (await response.json()).id;
}

/** @returns the status, once the whole answer has come; a stream is read until it ends */
function ask(url, key, method, path, body, signal, more = {}) {
  return new Promise((resolve, reject) => {
    const request = http.request(
      `${url}${path}`,
      {
        ...{ method, agent: AGENT, ...(signal && { signal }) },
        headers: {
          authorization: `Bearer ${key}`,
          ...(body && { 'content-type': 'application/json', 'idempotency-key': randomUUID() }),
          ...more,
        },
      },
      (response) => {
        response
          .resume()
          .on('end', () => resolve(response.statusCode))
          .on('error', reject);
      },
    );
    request.on('error', reject);
    request.end(body && JSON.stringify(body));
  });
}

function told(answers) {
  return Object.entries(answers)
    .map(([status, times]) => `${times} × ${status}`)
    .join(', ');
}

function ms(value) {
  return `${Math.round(value)} ms`.padStart(9);
}
