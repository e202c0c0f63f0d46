import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { type StepCall, StepError } from '@holdfast/engine';
import { type AnyOperation, type Bounds, connectAlone, INSIDE, type OwnProvider } from '@holdfast/project';
import type { ConformanceCase } from './describe-provider.ts';
import { type Reaction, type ServedRequest, startProviderServer, TOKEN_PATH } from './provider-server.ts';

/** What came of one call. */
export interface Attempted {
  readonly ended: { readonly value: unknown } | { readonly error: unknown };
  /** Without those for an access token. */
  readonly received: readonly ServedRequest[];
  readonly ms: number;
}

/** One operation, called against a server that does what a check wants. */
export class Trial {
  readonly provider: OwnProvider;
  readonly name: string;
  readonly operation: AnyOperation;
  readonly its: ConformanceCase<unknown, unknown>;
  readonly call: StepCall = stepCall();
  readonly #secrets = new Secrets();

  constructor(
    provider: OwnProvider,
    name: string,
    operation: AnyOperation,
    its: ConformanceCase<unknown, unknown>,
  ) {
    this.provider = provider;
    this.name = name;
    this.operation = operation;
    this.its = its;
  }

  /** @param bounds instead of the provider's */
  async attempt(react: Reaction, bounds: Partial<Bounds> = {}): Promise<Attempted> {
    const server = await startProviderServer(react, this.#secrets.accessToken);
    const connection = connectAlone(this.provider, this.#environment(server.url), bounds);
    const startedAt = performance.now();
    try {
      const ended = await this.#perform();
      if ('error' in ended) this.#secrets.assertNotIn(ended.error);
      return { ended, received: server.received, ms: performance.now() - startedAt };
    } finally {
      await connection.close();
      await server.close();
    }
  }

  /** Calls it where nobody listens. */
  async attemptUnreachable(): Promise<Attempted> {
    const server = await startProviderServer(() => {}, '');
    await server.close();
    const connection = connectAlone(this.provider, this.#environment(server.url));
    try {
      const ended = await this.#perform();
      if ('error' in ended) this.#secrets.assertNotIn(ended.error);
      return { ended, received: [], ms: 0 };
    } finally {
      await connection.close();
    }
  }

  async #perform(): Promise<Attempted['ended']> {
    try {
      const call: unknown = Reflect.get(this.provider, this.name);
      assert(typeof call === 'function');
      return { value: await Reflect.apply(call, this.provider, [this.call, this.its.input]) };
    } catch (error) {
      return { error };
    }
  }

  #environment(url: string): Record<string, string> {
    const { auth } = this.provider[INSIDE].plan;
    const values: Record<string, string> = {
      URL: url,
      KEY: this.#secrets.key,
      USER: 'conformance',
      PASSWORD: this.#secrets.key,
    };
    if (typeof auth === 'object' && 'oauth' in auth)
      Object.assign(values, {
        CLIENT_ID: 'conformance',
        CLIENT_SECRET: this.#secrets.key,
        TOKEN_URL: `${url}${TOKEN_PATH}`,
      });
    const prefix = `HOLDFAST_${this.provider.name.replaceAll('-', '_').toUpperCase()}_`;
    return Object.fromEntries(
      Object.keys(this.provider.variables).flatMap((variable) => {
        const value = variable.startsWith(prefix) ? values[variable.slice(prefix.length)] : undefined;
        return value === undefined ? [] : [[variable, value]];
      }),
    );
  }
}

/** Credentials that nothing else looks like. */
class Secrets {
  readonly key = `secret_${randomBytes(12).toString('hex')}`;
  readonly accessToken = `token_${randomBytes(12).toString('hex')}`;

  /** @throws AssertionError when one can be read out of what a step throws, in any form that it is sent in */
  assertNotIn(error: unknown): void {
    const shown = textOf(error);
    for (const secret of [this.key, this.accessToken, `conformance:${this.key}`]) {
      for (const form of [secret, Buffer.from(secret).toString('base64').replace(/=+$/, '')])
        assert(
          !shown.includes(form),
          `the error shows a secret of the provider: ${shown.replaceAll(form, '<secret>')}`,
        );
    }
  }
}

function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const more = error instanceof StepError ? `${error.code} ${JSON.stringify(error.details)}` : '';
  return `${error.stack ?? error.message} ${more} ${error.cause === undefined ? '' : textOf(error.cause)}`;
}

function stepCall(): StepCall {
  const runId = `run_${randomBytes(16).toString('hex')}`;
  return {
    ...{
      idempotencyKey: `${runId}:1:step`,
      reference: `${runId}.1.step`,
      runId,
      generation: 1,
      step: 'step',
    },
    ...{ attempt: 1, startedAt: Date.now(), signal: new AbortController().signal },
  };
}
