import { ConfigError, pem, positiveNumber, url, wholeNumber } from '@holdfast/app-kit';
import { isLocalHost, type Limits, type Reach } from '@holdfast/http';
import type { OrderProvidersConfig } from '@holdfast/providers';
import { z } from 'zod';

const rps = positiveNumber.optional();
const burst = wholeNumber(1, 1_000_000).optional();
const concurrency = wholeNumber(1, 100_000).optional();

const httpUrl = url('http:', 'https:');
const secret = (what: string) => z.string({ error: `expected ${what}` });
const proxy = url('http:', 'https:').optional();
const file = pem.optional();

/**
 * Where the providers are, and what they take: by default no limit but the one that they teach by refusing. There is no default for who
 * they are: an order must never go to a sandbox because a variable was forgotten.
 */
export const providerVariables = {
  HOLDFAST_PAYMENT_URL: httpUrl,
  HOLDFAST_PAYMENT_KEY: secret('the secret key of the payment account'),
  HOLDFAST_PAYMENT_RPS: rps,
  HOLDFAST_PAYMENT_BURST: burst,
  HOLDFAST_PAYMENT_CONCURRENCY: concurrency,
  HOLDFAST_PAYMENT_PROXY: proxy,
  HOLDFAST_PAYMENT_TLS_CA: file,
  HOLDFAST_PAYMENT_TLS_CERT: file,
  HOLDFAST_PAYMENT_TLS_KEY: file,
  HOLDFAST_PAYMENT_FALLBACK_URL: httpUrl.optional(),
  HOLDFAST_PAYMENT_FALLBACK_KEY: z.string().optional(),
  HOLDFAST_PAYMENT_FALLBACK_PROXY: proxy,
  HOLDFAST_PAYMENT_FALLBACK_TLS_CA: file,
  HOLDFAST_PAYMENT_FALLBACK_TLS_CERT: file,
  HOLDFAST_PAYMENT_FALLBACK_TLS_KEY: file,
  HOLDFAST_INVENTORY_URL: httpUrl,
  HOLDFAST_INVENTORY_RPS: rps,
  HOLDFAST_INVENTORY_BURST: burst,
  HOLDFAST_INVENTORY_CONCURRENCY: concurrency,
  HOLDFAST_INVENTORY_PROXY: proxy,
  HOLDFAST_INVENTORY_TLS_CA: file,
  HOLDFAST_INVENTORY_TLS_CERT: file,
  HOLDFAST_INVENTORY_TLS_KEY: file,
  HOLDFAST_SHIPPING_URL: httpUrl,
  HOLDFAST_SHIPPING_CLIENT_ID: secret('the id that shipping knows us by'),
  HOLDFAST_SHIPPING_CLIENT_SECRET: secret('its secret'),
  HOLDFAST_SHIPPING_RPS: rps,
  HOLDFAST_SHIPPING_BURST: burst,
  HOLDFAST_SHIPPING_CONCURRENCY: concurrency,
  HOLDFAST_SHIPPING_PROXY: proxy,
  HOLDFAST_SHIPPING_TLS_CA: file,
  HOLDFAST_SHIPPING_TLS_CERT: file,
  HOLDFAST_SHIPPING_TLS_KEY: file,
  HOLDFAST_EMAIL_URL: url('smtp:', 'smtps:'),
  HOLDFAST_EMAIL_FROM: z.string().optional(),
  HOLDFAST_EMAIL_RPS: rps,
  HOLDFAST_EMAIL_BURST: burst,
  HOLDFAST_EMAIL_CONCURRENCY: concurrency,
  HOLDFAST_EMAIL_TLS_CA: file,
  HOLDFAST_PLAINTEXT_HOSTS: z
    .string()
    .transform((text) => text.split(',').map((host) => host.trim().toLowerCase()))
    .default([]),
} as const;

type Read = z.infer<z.ZodObject<typeof providerVariables>>;

export function providersConfig(read: Read): OrderProvidersConfig {
  return {
    payment: {
      url: read.HOLDFAST_PAYMENT_URL,
      key: read.HOLDFAST_PAYMENT_KEY,
      limits: limits('PAYMENT', read),
      reach: reach('PAYMENT', read),
      fallback: fallback(read),
    },
    inventory: {
      url: read.HOLDFAST_INVENTORY_URL,
      limits: limits('INVENTORY', read),
      reach: reach('INVENTORY', read),
    },
    shipping: {
      url: read.HOLDFAST_SHIPPING_URL,
      clientId: read.HOLDFAST_SHIPPING_CLIENT_ID,
      clientSecret: read.HOLDFAST_SHIPPING_CLIENT_SECRET,
      limits: limits('SHIPPING', read),
      reach: reach('SHIPPING', read),
    },
    email: {
      url: read.HOLDFAST_EMAIL_URL,
      ...sender(read),
      limits: limits('EMAIL', read),
      reach: { tls: { ca: read.HOLDFAST_EMAIL_TLS_CA }, plaintextHosts: read.HOLDFAST_PLAINTEXT_HOSTS },
    },
  };
}

/** @throws ConfigError without a sender for a server that is not on this machine: mails under a made-up one are refused, or lost */
function sender({ HOLDFAST_EMAIL_FROM: from, HOLDFAST_EMAIL_URL, HOLDFAST_PLAINTEXT_HOSTS }: Read) {
  if (from !== undefined) return { from };
  if (isLocalHost(new URL(HOLDFAST_EMAIL_URL).hostname, HOLDFAST_PLAINTEXT_HOSTS)) return {};
  const message = 'is missing; say who mails are from, as in "Shop <orders@example.com>"';
  throw new ConfigError([{ variable: 'HOLDFAST_EMAIL_FROM', message }]);
}

/** @throws ConfigError for half of a client certificate */
function reach(provider: 'PAYMENT' | 'PAYMENT_FALLBACK' | 'INVENTORY' | 'SHIPPING', read: Read): Reach {
  const [ca, cert, key] = (['CA', 'CERT', 'KEY'] as const).map(
    (of) => read[`HOLDFAST_${provider}_TLS_${of}`],
  );
  if ((cert === undefined) !== (key === undefined)) {
    const variable = `HOLDFAST_${provider}_TLS_${cert === undefined ? 'CERT' : 'KEY'}`;
    throw new ConfigError([{ variable, message: 'is missing; a client certificate is a pair with its key' }]);
  }
  const tls = ca !== undefined || cert !== undefined ? { tls: { ca, cert, key } } : {};
  const proxy = read[`HOLDFAST_${provider}_PROXY`];
  return {
    ...tls,
    ...(proxy !== undefined && { proxy }),
    plaintextHosts: read.HOLDFAST_PLAINTEXT_HOSTS,
  };
}

/** @throws ConfigError when only one of the two variables is there. */
function fallback(read: Read) {
  const { HOLDFAST_PAYMENT_FALLBACK_URL: url, HOLDFAST_PAYMENT_FALLBACK_KEY: key } = read;
  if (url !== undefined && key !== undefined) {
    // what it has no variable of its own for is as for the first
    const [first, own] = [reach('PAYMENT', read), reach('PAYMENT_FALLBACK', read)];
    const { ca = first.tls?.ca, cert = first.tls?.cert, key: of = first.tls?.key } = own.tls ?? {};
    return { url, key, reach: { ...first, ...own, tls: { ca, cert, key: of } } };
  }
  if (url === undefined && key === undefined) return undefined;
  const variable = `HOLDFAST_PAYMENT_FALLBACK_${url === undefined ? 'URL' : 'KEY'}`;
  throw new ConfigError([{ variable, message: 'is missing; the fallback needs both its URL and its key' }]);
}

function limits(provider: 'PAYMENT' | 'INVENTORY' | 'SHIPPING' | 'EMAIL', read: Read): Limits {
  const ratePerSecond = read[`HOLDFAST_${provider}_RPS`];
  const burst = read[`HOLDFAST_${provider}_BURST`];
  const concurrency = read[`HOLDFAST_${provider}_CONCURRENCY`];
  return {
    ...(ratePerSecond === undefined ? {} : { ratePerSecond }),
    ...(burst === undefined ? {} : { burst }),
    ...(concurrency === undefined ? {} : { concurrency }),
  };
}
