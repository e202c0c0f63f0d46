import {
  duration,
  encryptionKeys,
  host,
  logLevel,
  type PreflightSettings,
  port,
  positiveNumber,
  preflightSettings,
  preflightVariables,
  readConfig,
  redisSettings,
  redisVariables,
  wholeNumber,
} from '@holdfast/app-kit';
import type { OrderProvidersConfig } from '@holdfast/providers';
import type { RedisSettings, Sealer } from '@holdfast/redis';
import { type AlertConfig, alertConfig, alertVariables } from './alert-config.ts';
import { providersConfig, providerVariables } from './provider-config.ts';

export interface WorkerConfig {
  readonly host: string;
  readonly port: number;
  readonly redis: RedisSettings;
  readonly preflight: PreflightSettings;
  readonly concurrency: number;
  readonly lockMs: number;
  readonly stalledMs: number;
  readonly retentionMs: number;
  readonly retryScale: number;
  /** Absent: tokens are not shared. */
  readonly sealer: Sealer | undefined;
  readonly providers: OrderProvidersConfig;
  /** Absent: nobody is told. */
  readonly alerts: AlertConfig | undefined;
  readonly logLevel: string;
}

/** @throws ConfigError naming every variable that does not fit. */
export function readWorkerConfig(env?: Readonly<Record<string, string | undefined>>): WorkerConfig {
  const read = readConfig(
    {
      HOLDFAST_HOST: host,
      HOLDFAST_WORKER_PORT: port.default(0),
      ...redisVariables,
      ...preflightVariables,
      HOLDFAST_CONCURRENCY: wholeNumber(1, 10_000).default(50),
      HOLDFAST_LOCK_MS: wholeNumber(1_000, 3_600_000).default(30_000),
      HOLDFAST_STALLED_MS: wholeNumber(500, 3_600_000).default(15_000),
      HOLDFAST_ENCRYPTION_KEYS: encryptionKeys,
      HOLDFAST_RETENTION: duration.default(7 * 24 * 60 * 60 * 1_000),
      HOLDFAST_RETRY_SCALE: positiveNumber.default(1),
      ...providerVariables,
      ...alertVariables,
      HOLDFAST_LOG_LEVEL: logLevel,
    },
    env,
  );
  return {
    host: read.HOLDFAST_HOST,
    port: read.HOLDFAST_WORKER_PORT,
    redis: redisSettings(read),
    preflight: preflightSettings(read),
    concurrency: read.HOLDFAST_CONCURRENCY,
    lockMs: read.HOLDFAST_LOCK_MS,
    stalledMs: read.HOLDFAST_STALLED_MS,
    retentionMs: read.HOLDFAST_RETENTION,
    retryScale: read.HOLDFAST_RETRY_SCALE,
    sealer: read.HOLDFAST_ENCRYPTION_KEYS,
    providers: providersConfig(read),
    alerts: alertConfig(read),
    logLevel: read.HOLDFAST_LOG_LEVEL,
  };
}
