import {
  duration,
  host,
  logLevel,
  type PreflightSettings,
  port,
  positiveNumber,
  preflightSettings,
  preflightVariables,
  readConfig,
  redisUrl,
  url,
  wholeNumber,
} from '@holdfast/app-kit';
import type { OrderProvidersConfig } from '@holdfast/providers';
import { z } from 'zod';

export interface WorkerConfig {
  readonly host: string;
  readonly port: number;
  readonly redisUrls: readonly [string, ...string[]];
  readonly preflight: PreflightSettings;
  readonly concurrency: number;
  readonly lockMs: number;
  readonly stalledMs: number;
  readonly retentionMs: number;
  readonly retryScale: number;
  readonly providers: OrderProvidersConfig;
  readonly logLevel: string;
}

const SANDBOX = 'http://127.0.0.1:3002';

/** @throws ConfigError naming every variable that does not fit. */
export function readWorkerConfig(env?: Readonly<Record<string, string | undefined>>): WorkerConfig {
  const read = readConfig(
    {
      HOLDFAST_HOST: host,
      HOLDFAST_WORKER_PORT: port.default(0),
      HOLDFAST_REDIS_URL: redisUrl,
      ...preflightVariables,
      HOLDFAST_CONCURRENCY: wholeNumber(1, 10_000).default(50),
      HOLDFAST_LOCK_MS: wholeNumber(1_000, 3_600_000).default(30_000),
      HOLDFAST_STALLED_MS: wholeNumber(500, 3_600_000).default(15_000),
      HOLDFAST_RETENTION: duration.default(7 * 24 * 60 * 60 * 1_000),
      HOLDFAST_RETRY_SCALE: positiveNumber.default(1),
      HOLDFAST_PAYMENT_URL: url('http:', 'https:').default(`${SANDBOX}/payment`),
      HOLDFAST_PAYMENT_KEY: z.string().default('sk_test_sandbox'),
      HOLDFAST_INVENTORY_URL: url('http:', 'https:').default(`${SANDBOX}/inventory`),
      HOLDFAST_SHIPPING_URL: url('http:', 'https:').default(`${SANDBOX}/shipping`),
      HOLDFAST_SHIPPING_CLIENT_ID: z.string().default('sandbox'),
      HOLDFAST_SHIPPING_CLIENT_SECRET: z.string().default('sandbox-secret'),
      HOLDFAST_EMAIL_URL: url('smtp:', 'smtps:').default('smtp://127.0.0.1:3025'),
      HOLDFAST_LOG_LEVEL: logLevel,
    },
    env,
  );
  return {
    host: read.HOLDFAST_HOST,
    port: read.HOLDFAST_WORKER_PORT,
    redisUrls: read.HOLDFAST_REDIS_URL,
    preflight: preflightSettings(read),
    concurrency: read.HOLDFAST_CONCURRENCY,
    lockMs: read.HOLDFAST_LOCK_MS,
    stalledMs: read.HOLDFAST_STALLED_MS,
    retentionMs: read.HOLDFAST_RETENTION,
    retryScale: read.HOLDFAST_RETRY_SCALE,
    providers: {
      payment: { url: read.HOLDFAST_PAYMENT_URL, key: read.HOLDFAST_PAYMENT_KEY },
      inventory: { url: read.HOLDFAST_INVENTORY_URL },
      shipping: {
        url: read.HOLDFAST_SHIPPING_URL,
        clientId: read.HOLDFAST_SHIPPING_CLIENT_ID,
        clientSecret: read.HOLDFAST_SHIPPING_CLIENT_SECRET,
      },
      email: { url: read.HOLDFAST_EMAIL_URL },
    },
    logLevel: read.HOLDFAST_LOG_LEVEL,
  };
}
