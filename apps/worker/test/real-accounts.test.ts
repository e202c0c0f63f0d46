import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { StepCall } from '@holdfast/engine';
import { createGuard, redisStore, redisTokens } from '@holdfast/http';
import { inventory, shipping, smtpEmail, stripePayments } from '@holdfast/providers';
import { createSealer } from '@holdfast/redis';
import { startSandbox } from '@holdfast/sandbox';
import { startRedis } from '@holdfast/testkit';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';

const dir = mkdtempSync(join(tmpdir(), 'holdfast-real-'));
const pem = (name: string) => readFileSync(join(dir, name), 'utf8');

beforeAll(() => {
  const fresh = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1'];
  const names = ['-subj', '/CN=ca', '-addext', 'subjectAltName=IP:127.0.0.1'];
  const files = ['-keyout', join(dir, 'key.pem'), '-out', join(dir, 'cert.pem')];
  execFileSync('openssl', ['req', '-x509', ...fresh, ...names, ...files], { stdio: 'ignore' });
});
afterAll(() => rmSync(dir, { recursive: true }));

async function start() {
  const home = mkdtempSync(join(tmpdir(), 'holdfast-sandbox-'));
  const tls = { port: 0, cert: pem('cert.pem'), key: pem('key.pem') };
  const sandbox = await startSandbox({ port: 0, smtpPort: 0, dataDir: home, tls });
  onTestFinished(async () => {
    await sandbox.close();
    rmSync(home, { recursive: true });
  });
  const json = async (path: string, body?: object) => {
    const headers = { 'content-type': 'application/json' };
    const answer = await fetch(`${sandbox.url}/_control${path}`, {
      ...(body && { method: 'POST', headers, body: JSON.stringify(body) }),
    });
    if (!answer.ok) throw new Error(await answer.text());
    return answer.json() as Promise<{ operation: string }[]>;
  };
  return {
    ...sandbox,
    fault: (fault: object) => json('/faults', fault),
    faults: () => json('/faults'),
    operations: async () => (await json('/ledger')).map(({ operation }) => operation),
  };
}

let calls = 0;
function stepCall(): StepCall {
  calls += 1;
  const reference = `run_${calls}.1.step`;
  return {
    ...{ runId: `run_${calls}`, generation: 1, attempt: 1, reference, idempotencyKey: `run_${calls}:1:step` },
    ...{ startedAt: Date.now(), signal: new AbortController().signal },
  } as StepCall;
}

const MAIL = { to: 'ada@example.com', subject: 'Hello', text: 'Hello' };
const TEE = { items: [{ sku: 'TEE-M', quantity: 1 }] };

/** What an adapter makes of an answer, in short. */
async function outcome(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => 'ok',
    (error: { kind?: string; code?: string }) => [error.kind, error.code],
  );
}

describe('what real accounts do, played by the sandbox', () => {
  it('a greylist puts a mail off, and takes it later', async () => {
    const { smtpUrl, fault, operations } = await start();
    const email = smtpEmail({ url: smtpUrl });
    onTestFinished(() => email.close());
    await fault({ provider: 'email', fault: 'greylist', delayMs: 300 });
    expect(await outcome(email.send(MAIL, stepCall()))).toEqual(['unavailable', 'smtp_450']);
    await expect.poll(() => outcome(email.send(MAIL, stepCall())), { timeout: 10_000 }).toBe('ok');
    expect(await operations()).toEqual(['send']);
  });

  it('a firewall’s page is for us to put right: nobody was refused', async () => {
    const { url, fault, operations } = await start();
    const stock = inventory({ url: `${url}/inventory` });
    onTestFinished(() => stock.close());
    for (const status of [403, 404, 200]) {
      await fault({ provider: 'inventory', fault: 'firewall', status });
      expect(await outcome(stock.reserve(TEE, stepCall()))).toMatchObject([
        'misconfigured',
        expect.any(String),
      ]);
    }
    expect(await operations()).toEqual([]);
  });

  it('an answer that comes gzipped is read', async () => {
    const { url, fault } = await start();
    const payments = stripePayments({ url: `${url}/payment`, key: 'sk_test' });
    onTestFinished(() => payments.close());
    await fault({ provider: 'payment', fault: 'gzip' });
    const charge = {
      amount: 100,
      currency: 'usd',
      customerId: 'c',
      paymentMethod: 'pm_card_visa',
      description: '',
    };
    expect(await outcome(payments.charge(charge, stepCall()))).toBe('ok');
  });

  it('connections that take longer than a permit holds are used, each of them', async () => {
    const { tlsUrl, fault, faults, operations } = await start();
    const redis = await startRedis();
    const connection = new Redis(redis.url);
    const store = redisStore({ connection });
    const guard = createGuard({ provider: 'inventory', account: 'a', store, longestCallMs: 5_000 });
    const stock = inventory({ url: `${tlsUrl}/inventory`, reach: { tls: { ca: pem('cert.pem') } } }, guard);
    onTestFinished(async () => {
      await Promise.all([stock.close(), guard.close()]);
      connection.disconnect();
      await redis.stop();
    });
    await fault({ provider: 'tls', fault: 'slow_connect', delayMs: 400, times: 1_000 });
    const reserved = Array.from({ length: 10 }, () => outcome(stock.reserve(TEE, stepCall())));
    expect(await Promise.all(reserved)).toEqual(Array(10).fill('ok'));
    expect(await operations()).toHaveLength(10);
    // as many connections as calls
    expect(await faults()).toMatchObject([{ times: 990 }]);
  });

  it('a token server that keeps one live token serves several workers', async () => {
    const { url, fault, operations } = await start();
    const redis = await startRedis();
    const connection = new Redis(redis.url);
    const sealer = createSealer(`k1:${randomBytes(32).toString('base64')}`);
    const config = { url: `${url}/shipping`, clientId: 'sandbox', clientSecret: 'sandbox-secret' };
    const workers = Array.from({ length: 3 }, () =>
      shipping(config, undefined, redisTokens({ connection, sealer })),
    );
    onTestFinished(async () => {
      await Promise.all(workers.map((each) => each.close()));
      connection.disconnect();
      await redis.stop();
    });
    await fault({ provider: 'shipping', operation: 'token', fault: 'one_live_token', times: 1_000 });
    const to = { name: 'Ada', line1: 'Street 1', city: 'Berlin', postalCode: '10115', country: 'DE' };
    const bought = Array.from({ length: 30 }, (_, n) =>
      outcome(workers[n % 3]?.buyLabel({ to, ...TEE }, stepCall()) ?? Promise.reject(new Error('no worker'))),
    );
    expect(await Promise.all(bought)).toEqual(Array(30).fill('ok'));
    expect(await operations()).toHaveLength(30);
  });
});
