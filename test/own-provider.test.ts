import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { type Processes, readSettings, type System, startSystem } from '@holdfast/local';
import { askOk } from '@holdfast/prove';
import { waitFor } from '@holdfast/testkit';
import { afterAll, beforeAll, expect, it } from 'vitest';

/** examples/own-provider as `holdfast dev` runs it, with a server in the place of Slack, SendGrid and Twilio. */
const EXAMPLE = fileURLToPath(new URL('../examples/own-provider', import.meta.url));
const WORKER = fileURLToPath(new URL('../apps/worker/dist/main.js', import.meta.url));
const CANARY = 'canary-5f0c1d2e';
const PATIENCE_MS = 90_000;

interface Message {
  readonly ts: string;
  readonly metadata: unknown;
}

const home = mkdtempSync(join(tmpdir(), 'holdfast-own-'));
const messages: Message[] = [];
const asked: string[] = [];
let letters = 0;
let texts = 0;

const outside = createServer(async (message, response) => {
  const { method, url = '' } = message;
  const [path = ''] = url.split('?');
  const body = await text(message);
  asked.push(`${method} ${path}`);
  const json = (status: number, value: unknown) =>
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
  switch (`${method} ${path}`) {
    case 'POST /slack/chat.postMessage': {
      const { metadata, text: said } = JSON.parse(body);
      if (said === 'refuse me')
        return json(200, { ok: false, error: `no_text ${message.headers.authorization}` });
      messages.push({ ts: `17.${messages.length}`, metadata });
      // the first reply is lost, after the effect
      return messages.length === 1
        ? response.socket?.resetAndDestroy()
        : json(200, { ok: true, ts: messages.at(-1)?.ts });
    }
    case 'GET /slack/conversations.history':
      return json(200, { ok: true, has_more: false, messages });
    case 'POST /mail/mail/send':
      letters += 1;
      return response.writeHead(202, { 'x-message-id': `m_${letters}` }).end();
    case 'POST /sms/Messages.json':
      texts += 1;
      return json(400, { code: 21211, message: `not a number; you are ${message.headers.authorization}` });
    default:
      return response.writeHead(404).end();
  }
});

let system: System;
let processes: Processes;
beforeAll(async () => {
  outside.listen(0, '127.0.0.1');
  await once(outside, 'listening');
  const address = outside.address();
  if (address === null || typeof address === 'string') throw new Error('no TCP address');
  const at = `http://127.0.0.1:${address.port}`;
  const settings = readSettings(
    {
      PATH: process.env.PATH,
      HOLDFAST_HOME: home,
      HOLDFAST_CONFIG: join(EXAMPLE, 'holdfast.config.ts'),
      ...{ HOLDFAST_REDIS_PORT: '0', HOLDFAST_API_PORT: '0', HOLDFAST_DASHBOARD_PORT: '0' },
      HOLDFAST_RETRY_SCALE: '0.02',
      ...{ HOLDFAST_SLACK_URL: `${at}/slack`, HOLDFAST_SLACK_KEY: CANARY },
      ...{ HOLDFAST_MAIL_URL: `${at}/mail`, HOLDFAST_MAIL_KEY: CANARY },
      ...{ HOLDFAST_SMS_URL: `${at}/sms`, HOLDFAST_SMS_USER: 'AC1', HOLDFAST_SMS_PASSWORD: CANARY },
    },
    { workers: 1, sandbox: false },
  );
  system = await startSystem(settings, {
    reset: false,
    onEvent: () => {},
    signal: new AbortController().signal,
  });
  processes = JSON.parse(readFileSync(join(home, 'processes.json'), 'utf8'));
}, PATIENCE_MS);
afterAll(async () => {
  await system?.stop();
  outside.close();
  outside.closeAllConnections();
  rmSync(home, { recursive: true, force: true });
}, PATIENCE_MS);

async function submit(key: string, said: string): Promise<Record<string, unknown>> {
  const { body } = await askOk(`${processes.api.url}/v1/flows/notify/runs`, {
    method: 'POST',
    headers: { authorization: `Bearer ${processes.apiKey}`, 'idempotency-key': key, prefer: 'wait=30' },
    body: { channel: 'C1', email: 'ada@example.com', phone: '+15005550001', text: said },
  });
  return body as Record<string, unknown>;
}

async function page(url: string, authorization = ''): Promise<string> {
  const response = await fetch(url, { headers: { authorization } });
  expect(response.status).toBe(200);
  return response.text();
}

it(
  'finds the message whose reply was lost, and goes on without the text that is refused',
  async () => {
    const run = await submit('n-1', 'Hello');
    expect(run).toMatchObject({
      status: 'completed',
      output: { ts: '17.0' },
      warnings: [{ step: 'text', code: 'twilio_21211' }],
    });
    expect({ messages: messages.length, letters, texts }).toEqual({ messages: 1, letters: 1, texts: 1 });
    expect(asked).toContain('GET /slack/conversations.history');
  },
  PATIENCE_MS,
);

it(
  'its providers have metrics and health, and a secret is on no page, in no error, log or metric',
  async () => {
    const refused = await submit('n-2', 'refuse me');
    expect(refused).toMatchObject({
      status: 'failed',
      error: { step: 'tell', code: 'no_text Bearer [redacted]' },
    });
    const { user, password, url } = processes.dashboard;
    const login = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
    const [worker] = processes.workers;
    await waitFor(async () => (await page(url, login)).includes('slack'), { what: 'slack on the overview' });
    const metrics = await page(`${worker?.url}/metrics`);
    for (const name of ['slack', 'mail', 'sms']) expect(metrics).toContain(`provider="${name}"`);
    const bearer = `Bearer ${processes.apiKey}`;
    const seen = [
      metrics,
      await page(url, login),
      await page(`${url}/runs/${refused.id}`, login),
      await page(`${processes.api.url}/v1/runs/${refused.id}`, bearer),
      ...readdirSync(join(home, 'logs')).map((file) => readFileSync(join(home, 'logs', file), 'utf8')),
    ];
    const forms = [CANARY, Buffer.from(`AC1:${CANARY}`).toString('base64')];
    for (const shown of seen) for (const form of forms) expect(shown).not.toContain(form);
  },
  PATIENCE_MS,
);

it(
  'a worker without its variables refuses to start, before it touches Redis',
  async () => {
    const worker = spawn(process.execPath, [WORKER], {
      env: {
        PATH: process.env.PATH,
        HOLDFAST_CONFIG: join(EXAMPLE, 'holdfast.config.ts'),
        HOLDFAST_REDIS_URL: 'redis://127.0.0.1:1',
        HOLDFAST_SLACK_KEY: CANARY,
      },
    });
    const [told, [code]] = await Promise.all([text(worker.stderr), once(worker, 'exit')]);
    expect(code).toBe(1);
    expect(told).toContain('HOLDFAST_MAIL_KEY: is missing; expected the key of the provider "mail"');
    expect(told).toContain('HOLDFAST_SMS_URL: is missing; expected the URL of the provider "sms"');
    expect(told).not.toMatch(/SLACK|127\.0\.0\.1|canary/);
  },
  PATIENCE_MS,
);
