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
  url,
  wholeNumber,
} from '@holdfast/app-kit';
import { type AllowList, webhookAllow } from '@holdfast/outgoing';
import type { Connect, Provider } from '@holdfast/project';
import type { RedisSettings, Sealer } from '@holdfast/redis';
import { z } from 'zod';
import { type AlertConfig, alertConfig, alertVariables } from './alert-config.ts';

export interface WorkerConfig {
  readonly host: string;
  readonly port: number;
  readonly redis: RedisSettings;
  readonly preflight: PreflightSettings;
  readonly concurrency: number;
  /** Of schedules of the config that name no tenant; absent where there is none but those that are named. */
  readonly devTenant: string | undefined;
  /** Runs of each tenant at once, over all flows and workers. Absent: any number. */
  readonly tenantConcurrency: number | undefined;
  /** What the URLs of callbacks begin with. */
  readonly publicUrl: string;
  readonly lockMs: number;
  readonly stalledMs: number;
  /** Undefined: as each flow says, else 7 days. */
  readonly retentionMs: number | undefined;
  readonly retryScale: number;
  /** Absent: tokens are not shared, and no webhooks are delivered. */
  readonly sealer: Sealer | undefined;
  /** How each of the config's providers is connected. */
  readonly providers: readonly Connect[];
  /** Absent: nobody is told. */
  readonly alerts: AlertConfig | undefined;
  /** What endpoints of webhooks may reach in spite of the rules. */
  readonly webhookAllow: AllowList;
  readonly logLevel: string;
}

const VARIABLES = {
  HOLDFAST_HOST: host,
  HOLDFAST_WORKER_PORT: port.default(0),
  HOLDFAST_API_PORT: port.default(3000),
  HOLDFAST_DEV_KEY: z.string().optional(),
  HOLDFAST_PUBLIC_URL: url('http:', 'https:').optional(),
  ...redisVariables,
  ...preflightVariables,
  HOLDFAST_CONCURRENCY: wholeNumber(1, 10_000).default(200),
  HOLDFAST_TENANT_CONCURRENCY: wholeNumber(1, 1_000_000).optional(),
  HOLDFAST_LOCK_MS: wholeNumber(1_000, 3_600_000).default(30_000),
  HOLDFAST_STALLED_MS: wholeNumber(500, 3_600_000).default(15_000),
  HOLDFAST_ENCRYPTION_KEYS: encryptionKeys,
  HOLDFAST_RETENTION: duration.optional(),
  HOLDFAST_RETRY_SCALE: positiveNumber.default(1),
  ...alertVariables,
  HOLDFAST_WEBHOOK_ALLOW: webhookAllow,
  HOLDFAST_LOG_LEVEL: logLevel,
} as const;

/**
 * @param providers those that the worker's flows call
 * @throws ConfigError naming every variable that does not fit.
 */
export function readWorkerConfig(
  providers: readonly Provider[],
  env?: Readonly<Record<string, string | undefined>>,
): WorkerConfig {
  // theirs come first: no provider changes the type of a variable of ours
  const all: typeof VARIABLES = { ...variablesOf(providers), ...VARIABLES };
  const read = readConfig(all, env);
  return {
    host: read.HOLDFAST_HOST,
    port: read.HOLDFAST_WORKER_PORT,
    redis: redisSettings(read),
    preflight: preflightSettings(read),
    concurrency: read.HOLDFAST_CONCURRENCY,
    devTenant: read.HOLDFAST_DEV_KEY === undefined ? undefined : 'dev',
    tenantConcurrency: read.HOLDFAST_TENANT_CONCURRENCY,
    publicUrl: read.HOLDFAST_PUBLIC_URL ?? addressOfApi(read.HOLDFAST_HOST, read.HOLDFAST_API_PORT),
    lockMs: read.HOLDFAST_LOCK_MS,
    stalledMs: read.HOLDFAST_STALLED_MS,
    retentionMs: read.HOLDFAST_RETENTION,
    retryScale: read.HOLDFAST_RETRY_SCALE,
    sealer: read.HOLDFAST_ENCRYPTION_KEYS,
    providers: providers.map((provider) => provider.configure(read)),
    alerts: alertConfig(read),
    webhookAllow: read.HOLDFAST_WEBHOOK_ALLOW,
    logLevel: read.HOLDFAST_LOG_LEVEL,
  };
}

/** As far as it can be told from here: on the same machine, by the same variables. */
function addressOfApi(host: string, port: number): string {
  const reachable = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
  return `http://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`;
}

function variablesOf(providers: readonly Provider[]): z.ZodRawShape {
  return Object.assign({}, ...providers.map(({ variables }) => variables));
}
