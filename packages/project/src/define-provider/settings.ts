import { ConfigError, pem, positiveNumber, url, wholeNumber } from '@holdfast/app-kit';
import type { Limits, Reach } from '@holdfast/http';
import { z } from 'zod';

export const httpUrl = url('http:', 'https:');

/** `payment-fallback` reads `HOLDFAST_PAYMENT_FALLBACK_…`. */
export function prefixOf(provider: string): string {
  return `HOLDFAST_${provider.replaceAll('-', '_').toUpperCase()}`;
}

/** What every HTTP provider reads, by the end of the variable's name. */
export function commonVariables(provider: string, baseUrl: string | undefined): Record<string, z.ZodType> {
  const where = z.string({ error: `expected the URL of the provider "${provider}"` }).pipe(httpUrl);
  return {
    URL: baseUrl === undefined ? where : where.default(baseUrl),
    RPS: positiveNumber.optional(),
    BURST: wholeNumber(1, 1_000_000).optional(),
    CONCURRENCY: wholeNumber(1, 100_000).optional(),
    PROXY: httpUrl.optional(),
    TLS_CA: pem.optional(),
    TLS_CERT: pem.optional(),
    TLS_KEY: pem.optional(),
  };
}

/** Shared by all providers. */
export const SHARED_VARIABLES = {
  HOLDFAST_PLAINTEXT_HOSTS: z
    .string()
    .transform((text) => text.split(',').map((host) => host.trim().toLowerCase()))
    .default([]),
} as const;

/** A provider's variables as they were read, by the end of their name. */
export class Settings {
  readonly #prefix: string;
  readonly #read: Readonly<Record<string, unknown>>;

  constructor(provider: string, read: Readonly<Record<string, unknown>>) {
    this.#prefix = prefixOf(provider);
    this.#read = read;
  }

  variable(name: string): string {
    return `${this.#prefix}_${name}`;
  }

  optional(name: string): string | undefined {
    const value = this.#read[this.variable(name)];
    return typeof value === 'string' ? value : undefined;
  }

  /** @throws ConfigError when it is not there */
  text(name: string): string {
    const value = this.optional(name);
    if (value === undefined)
      throw new ConfigError([{ variable: this.variable(name), message: 'is missing' }]);
    return value;
  }

  /** @param defaults what the code says */
  limits(defaults: Limits): Limits {
    return {
      ratePerSecond: this.#number('RPS') ?? defaults.ratePerSecond,
      burst: this.#number('BURST') ?? defaults.burst,
      concurrency: this.#number('CONCURRENCY') ?? defaults.concurrency,
    };
  }

  /** @throws ConfigError for half of a client certificate */
  reach(): Reach {
    const [ca, cert, key] = ['TLS_CA', 'TLS_CERT', 'TLS_KEY'].map((name) => this.optional(name));
    if ((cert === undefined) !== (key === undefined)) {
      const variable = this.variable(cert === undefined ? 'TLS_CERT' : 'TLS_KEY');
      throw new ConfigError([
        { variable, message: 'is missing; a client certificate is a pair with its key' },
      ]);
    }
    const hosts = this.#read[SHARED_HOSTS];
    return {
      ...((ca ?? cert) !== undefined && { tls: { ca, cert, key } }),
      proxy: this.optional('PROXY'),
      plaintextHosts: Array.isArray(hosts) ? hosts.map(String) : [],
    };
  }

  #number(name: string): number | undefined {
    const value = this.#read[this.variable(name)];
    return typeof value === 'number' ? value : undefined;
  }
}

const SHARED_HOSTS: keyof typeof SHARED_VARIABLES = 'HOLDFAST_PLAINTEXT_HOSTS';
