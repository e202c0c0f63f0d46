import {
  duration,
  encryptionKeys,
  host,
  logLevel,
  type PreflightSettings,
  type ProxySettings,
  port,
  positiveNumber,
  preflightSettings,
  preflightVariables,
  proxySettings,
  proxyVariables,
  readConfig,
  redisSettings,
  redisVariables,
} from '@holdfast/app-kit';
import { type AllowList, webhookAllow } from '@holdfast/outgoing';
import type { RedisSettings, Sealer } from '@holdfast/redis';
import { type ReadSources, readSources, type Sources } from '@holdfast/webhooks';
import { z } from 'zod';

export interface ApiConfig {
  readonly host: string;
  readonly port: number;
  readonly proxy: ProxySettings;
  readonly redis: RedisSettings;
  readonly preflight: PreflightSettings;
  /** One key that is not stored in Redis: every scope, tenant `dev`. */
  readonly devKey: string | undefined;
  /** How long requests are still served after SIGTERM, while `/readyz` says 503. */
  readonly drainDelayMs: number;
  /** Requests a second for each tenant; absent: no limit. */
  readonly tenantRps: number | undefined;
  /** Who may send webhooks. */
  readonly webhooks: ReadSources;
  /** Encrypts the secrets of endpoints; absent: there can be none. */
  readonly sealer: Sealer | undefined;
  /** What endpoints may reach in spite of the rules. */
  readonly webhookAllow: AllowList;
  readonly logLevel: string;
}

const DEV_KEY = 'expected hf_ followed by at least 16 letters, digits, "_" or "-"';

/**
 * @param webhooks the sources that the project's config names
 * @throws ConfigError naming every variable that does not fit.
 */
export function readApiConfig(
  env?: Readonly<Record<string, string | undefined>>,
  webhooks?: Sources,
): ApiConfig {
  const read = readConfig(
    {
      HOLDFAST_HOST: host,
      HOLDFAST_API_PORT: port.default(3000),
      ...proxyVariables,
      ...redisVariables,
      ...preflightVariables,
      HOLDFAST_DEV_KEY: z
        .string({ error: DEV_KEY })
        .regex(/^hf_[A-Za-z0-9_-]{16,200}$/, DEV_KEY)
        .optional(),
      HOLDFAST_DRAIN_DELAY: duration.default(5_000),
      HOLDFAST_TENANT_RPS: positiveNumber.optional(),
      HOLDFAST_ENCRYPTION_KEYS: encryptionKeys,
      HOLDFAST_WEBHOOK_ALLOW: webhookAllow,
      HOLDFAST_LOG_LEVEL: logLevel,
    },
    env,
  );
  return {
    host: read.HOLDFAST_HOST,
    port: read.HOLDFAST_API_PORT,
    proxy: proxySettings(read),
    redis: redisSettings(read),
    preflight: preflightSettings(read),
    devKey: read.HOLDFAST_DEV_KEY,
    drainDelayMs: read.HOLDFAST_DRAIN_DELAY,
    tenantRps: read.HOLDFAST_TENANT_RPS,
    webhooks: readSources(webhooks, env),
    sealer: read.HOLDFAST_ENCRYPTION_KEYS,
    webhookAllow: read.HOLDFAST_WEBHOOK_ALLOW,
    logLevel: read.HOLDFAST_LOG_LEVEL,
  };
}
