import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTransport } from 'nodemailer';
import Stripe from 'stripe';
import { expect, onTestFinished } from 'vitest';
import { type Effect, type SandboxOptions, startSandbox } from '../src/index.ts';

/** A directory that is gone after the test. */
export async function tempDir(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-sandbox-'));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

/** A sandbox on free ports, closed after the test. */
export async function start(options: Partial<SandboxOptions> = {}) {
  const dataDir = options.dataDir ?? (await tempDir());
  const sandbox = await startSandbox({ port: 0, smtpPort: 0, ...options, dataDir });
  onTestFinished(sandbox.close);
  return { ...sandbox, dataDir, ...client(sandbox.url, sandbox.smtpUrl) };
}

/** The ways to talk to a sandbox, wherever it runs. */
export function client(url: string, smtpUrl: string) {
  const json = async (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) => {
    const response = await fetch(`${url}${path}`, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: text ? JSON.parse(text) : undefined };
  };
  const { hostname, port } = new URL(url);
  return {
    json,
    stripe: new Stripe('sk_test_sandbox', {
      host: hostname,
      port: Number(port),
      protocol: 'http',
      maxNetworkRetries: 0,
      telemetry: false,
    }),
    /** The names of the effects so far, or of those that the filter lets through. */
    operations: async (filter = ''): Promise<string[]> =>
      (await json('GET', `/_control/ledger${filter}`)).body.map((effect: Effect) => effect.operation),
    ledger: async (): Promise<Effect[]> => (await json('GET', '/_control/ledger')).body,
    fault: async (fault: object) => {
      const { status, body } = await json('POST', '/_control/faults', fault);
      if (status !== 201) throw new Error(`the fault was not taken: ${JSON.stringify(body)}`);
    },
    send: (mail: { messageId?: string; subject?: string } = {}) =>
      createTransport({ host: new URL(smtpUrl).hostname, port: Number(new URL(smtpUrl).port) }).sendMail({
        from: 'Shop <shop@example.com>',
        to: 'Ada <ada@example.com>',
        subject: mail.subject ?? 'Your order',
        text: 'It is on its way.',
        messageId: mail.messageId ?? '<run_1.1.email@example.com>',
      }),
  };
}

export type Client = ReturnType<typeof client>;

export const SALE = { amount: 3800, currency: 'usd', payment_method: 'pm_card_visa', confirm: true } as const;

/** Asks until the answer fits. */
export const eventually = <T>(ask: () => T) => expect.poll(ask, { timeout: 10_000, interval: 10 });

/** What a promise was rejected with. */
export async function rejection<E extends Error>(
  kind: new (...parameters: never[]) => E,
  promise: Promise<unknown>,
): Promise<E> {
  const outcome: unknown = await promise.then(
    (value) => new Error(`resolved with ${JSON.stringify(value)}`),
    (error: unknown) => error,
  );
  if (outcome instanceof kind) return outcome;
  throw outcome;
}
