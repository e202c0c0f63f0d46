import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { client, eventually, SALE, tempDir } from './harness.ts';

const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url));
const KEY = { idempotencyKey: 'run_1:1:charge' };
const ITEMS = { items: [{ sku: 'TEE-M', quantity: 1 }] };

test('nothing that was answered is lost when the process is killed, nor is anything done twice', async () => {
  const home = await tempDir();
  const first = await run(home);
  const charged = await first.stripe.paymentIntents.create({ ...SALE, metadata: { run: 'run_1' } }, KEY);
  const refunded = await first.stripe.refunds.create(
    { payment_intent: charged.id, amount: 800 },
    { idempotencyKey: 'run_1:1:charge:undo' },
  );
  await first.json('PUT', '/inventory/reservations/run_1.1.reserve', ITEMS);
  const headers = await token(first.url);
  const label = await first.json('POST', '/shipping/labels', LABEL, headers);
  await first.send();
  await first.fault({ provider: 'payment', operation: 'charge', fault: 'error' });
  const failing = { idempotencyKey: 'run_2:1:charge' };
  await expect(first.stripe.paymentIntents.create(SALE, failing)).rejects.toMatchObject({ statusCode: 500 });
  const before = await first.ledger();
  expect(before.map(({ operation }) => operation)).toEqual(['charge', 'refund', 'reserve', 'label', 'send']);
  await kill(first.child);

  const second = await run(home);
  expect(await second.ledger()).toEqual(before);
  const replayed = await second.stripe.paymentIntents.create({ ...SALE, metadata: { run: 'run_1' } }, KEY);
  expect(replayed).toEqual(charged);
  expect(replayed.lastResponse.headers).toMatchObject({ 'idempotent-replayed': 'true' });
  await expect(second.stripe.paymentIntents.create(SALE, failing)).rejects.toMatchObject({ statusCode: 500 });
  expect(await second.stripe.refunds.retrieve(refunded.id)).toMatchObject({ amount: 800 });
  const rest = await second.stripe.refunds.create({ payment_intent: charged.id });
  expect(rest.amount).toBe(3000);
  expect((await second.json('PUT', '/inventory/reservations/run_1.1.reserve', ITEMS)).status).toBe(200);
  const found = await second.json('GET', '/shipping/labels?reference=run_1.1.ship', undefined, headers);
  expect(found.body.labels).toMatchObject([{ id: label.body.id, trackingNumber: label.body.trackingNumber }]);
  await second.send();

  const after = await second.ledger();
  expect(after.slice(before.length).map(({ seq, operation }) => [seq, operation])).toEqual([
    [6, 'refund'],
    [7, 'duplicate'],
  ]);
});

test('SIGTERM ends it at once, held connections too', async () => {
  const sandbox = await run(await tempDir());
  await sandbox.fault({ provider: 'inventory', fault: 'timeout' });
  const held = sandbox.json('PUT', '/inventory/reservations/r1', ITEMS);
  const broken = expect(held).rejects.toThrow('fetch failed');
  await eventually(async () => (await sandbox.json('GET', '/_control/faults')).body).toEqual([]);
  const gone = once(sandbox.child, 'exit');
  sandbox.child.kill('SIGTERM');
  expect(await gone).toEqual([0, null]);
  await broken;
});

test('charges under way when it is killed are each made once when they are asked for again', async () => {
  const home = await tempDir();
  const first = await run(home);
  const keys = Array.from({ length: 200 }, (_, index) => `run_${index}:1:charge`);
  const acknowledged = new Map<string, string>();
  await Promise.allSettled(
    keys.map(async (key) => {
      acknowledged.set(key, await charge(first.url, key));
      if (acknowledged.size === 20) await kill(first.child);
    }),
  );
  expect(acknowledged.size).toBeLessThan(keys.length);

  const second = await run(home);
  const charges = new Map(
    await Promise.all(keys.map(async (key) => [key, await charge(second.url, key)] as const)),
  );
  for (const [key, id] of acknowledged) expect(charges.get(key)).toBe(id);
  const effects = await second.ledger();
  expect(effects.map(({ seq }) => seq)).toEqual(keys.map((_, index) => index + 1));
  expect(new Set(effects.map(({ id }) => id))).toEqual(new Set(charges.values()));
});

test('a wrong environment is told in full, each variable by its name', async () => {
  const home = await tempDir();
  const [wrong, half] = await Promise.all([
    failure(home, { HOLDFAST_SANDBOX_SETTLE_MS: 'soon', HOLDFAST_SANDBOX_PORT: 'x' }),
    failure(home, { HOLDFAST_SANDBOX_WEBHOOK_URL: 'http://127.0.0.1:1' }),
  ]);
  expect(wrong).toMatch(/HOLDFAST_SANDBOX_PORT: expected.*\n.*HOLDFAST_SANDBOX_SETTLE_MS: expected/);
  expect(half).toContain('HOLDFAST_SANDBOX_WEBHOOK_SECRET: is missing');
});

const LABEL = {
  reference: 'run_1.1.ship',
  to: { name: 'Ada', line1: '1 Main St', city: 'Springfield', postalCode: '12345', country: 'US' },
  ...ITEMS,
};

/** The sandbox's own process, ended after the test. */
async function run(home: string) {
  const child = launch(home, {});
  for await (const line of createInterface({ input: child.stdout })) {
    const { msg, url, smtpUrl } = JSON.parse(line);
    if (msg === 'listening') {
      child.stdout.resume();
      return { child, url: String(url), ...client(url, smtpUrl) };
    }
  }
  throw new Error('the sandbox ended before it listened');
}

async function charge(url: string, key: string): Promise<string> {
  const response = await fetch(`${url}/v1/payment_intents`, {
    method: 'POST',
    headers: { authorization: 'Bearer sk_1', 'idempotency-key': key },
    body: new URLSearchParams({
      amount: '100',
      currency: 'usd',
      payment_method: 'pm_card_visa',
      confirm: 'true',
      'metadata[run]': key,
    }),
  });
  const { id }: { id: string } = JSON.parse(await response.text());
  return id;
}

async function failure(home: string, env: Record<string, string>): Promise<string> {
  const child = launch(home, env);
  const [said, [code]] = await Promise.all([text(child.stderr), once(child, 'exit')]);
  expect(code).toBe(1);
  return said;
}

function launch(home: string, env: Record<string, string>) {
  const child = spawn(process.execPath, [MAIN], {
    env: {
      PATH: process.env.PATH,
      HOLDFAST_HOME: home,
      HOLDFAST_SANDBOX_PORT: '0',
      HOLDFAST_SMTP_PORT: '0',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  onTestFinished(() => kill(child));
  return child;
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}

async function token(url: string) {
  const response = await fetch(`${url}/shipping/oauth/token`, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'client_credentials',
      client_id: 'sandbox',
      client_secret: 'sandbox-secret',
    }),
  });
  const { access_token }: { access_token: string } = JSON.parse(await response.text());
  return { authorization: `Bearer ${access_token}` };
}
