import { ConfigError, positiveNumber, url, wholeNumber } from '@holdfast/app-kit';
import type { Limits } from '@holdfast/http';
import type { OrderProvidersConfig } from '@holdfast/providers';
import { z } from 'zod';

const SANDBOX = 'http://127.0.0.1:3002';

const rps = positiveNumber.optional();
const burst = wholeNumber(1, 1_000_000).optional();
const concurrency = wholeNumber(1, 100_000).optional();

/** Where the providers are, and what they take: by default no limit but the one that they teach by refusing. */
export const providerVariables = {
  HOLDFAST_PAYMENT_URL: url('http:', 'https:').default(`${SANDBOX}/payment`),
  HOLDFAST_PAYMENT_KEY: z.string().default('sk_test_sandbox'),
  HOLDFAST_PAYMENT_RPS: rps,
  HOLDFAST_PAYMENT_BURST: burst,
  HOLDFAST_PAYMENT_CONCURRENCY: concurrency,
  HOLDFAST_PAYMENT_FALLBACK_URL: url('http:', 'https:').optional(),
  HOLDFAST_PAYMENT_FALLBACK_KEY: z.string().optional(),
  HOLDFAST_INVENTORY_URL: url('http:', 'https:').default(`${SANDBOX}/inventory`),
  HOLDFAST_INVENTORY_RPS: rps,
  HOLDFAST_INVENTORY_BURST: burst,
  HOLDFAST_INVENTORY_CONCURRENCY: concurrency,
  HOLDFAST_SHIPPING_URL: url('http:', 'https:').default(`${SANDBOX}/shipping`),
  HOLDFAST_SHIPPING_CLIENT_ID: z.string().default('sandbox'),
  HOLDFAST_SHIPPING_CLIENT_SECRET: z.string().default('sandbox-secret'),
  HOLDFAST_SHIPPING_RPS: rps,
  HOLDFAST_SHIPPING_BURST: burst,
  HOLDFAST_SHIPPING_CONCURRENCY: concurrency,
  HOLDFAST_EMAIL_URL: url('smtp:', 'smtps:').default('smtp://127.0.0.1:3025'),
  HOLDFAST_EMAIL_RPS: rps,
  HOLDFAST_EMAIL_BURST: burst,
  HOLDFAST_EMAIL_CONCURRENCY: concurrency,
} as const;

type Read = z.infer<z.ZodObject<typeof providerVariables>>;

export function providersConfig(read: Read): OrderProvidersConfig {
  return {
    payment: {
      url: read.HOLDFAST_PAYMENT_URL,
      key: read.HOLDFAST_PAYMENT_KEY,
      limits: limits('PAYMENT', read),
      fallback: fallback(read),
    },
    inventory: { url: read.HOLDFAST_INVENTORY_URL, limits: limits('INVENTORY', read) },
    shipping: {
      url: read.HOLDFAST_SHIPPING_URL,
      clientId: read.HOLDFAST_SHIPPING_CLIENT_ID,
      clientSecret: read.HOLDFAST_SHIPPING_CLIENT_SECRET,
      limits: limits('SHIPPING', read),
    },
    email: { url: read.HOLDFAST_EMAIL_URL, limits: limits('EMAIL', read) },
  };
}

/** @throws ConfigError when only one of the two variables is there. */
function fallback({ HOLDFAST_PAYMENT_FALLBACK_URL: url, HOLDFAST_PAYMENT_FALLBACK_KEY: key }: Read) {
  if (url !== undefined && key !== undefined) return { url, key };
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
