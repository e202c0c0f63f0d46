import { resolve } from 'node:path';
import { host, port, readConfig, redisSettings, redisVariables } from '@holdfast/app-kit';
import { findConfig } from '@holdfast/project';
import type { RedisSettings } from '@holdfast/redis';
import { z } from 'zod';

export type Environment = Readonly<Record<string, string | undefined>>;

/** What the embedded system is made from. */
export interface Settings {
  /** Absolute. */
  readonly home: string;
  /** What API, dashboard and health servers bind to. */
  readonly host: string;
  readonly workers: number;
  /** The file that says what the system runs; absolute. */
  readonly config: string;
  /** Whether the sandbox providers are part of the system. */
  readonly sandbox: boolean;
  /** Whether the sandbox's payments tell the system what has settled, as the source `stripe` of its webhooks. */
  readonly stripeWebhooks: boolean;
  /** An own Redis on loopback (port 0: any free one), or somebody's. */
  readonly redis:
    | { readonly kind: 'embedded'; readonly port: number }
    | { readonly kind: 'external'; readonly settings: RedisSettings };
  /** 0: any free one. */
  readonly ports: Readonly<Record<'api' | 'dashboard' | 'sandbox' | 'smtp', number>>;
  /** Undefined: generated, and kept in the home. */
  readonly apiKey: string | undefined;
  readonly dashboardUser: string;
  /** Undefined: generated, and kept in the home. */
  readonly dashboardPassword: string | undefined;
  /** What the children get besides what the system tells them. */
  readonly env: Environment;
}

/**
 * @throws ConfigError naming every variable that does not fit
 * @throws OperatorError when there is no config
 */
export function readSettings(
  env: Environment,
  {
    workers,
    sandbox = true,
    stripeWebhooks = sandbox,
  }: { readonly workers: number; readonly sandbox?: boolean; readonly stripeWebhooks?: boolean },
): Settings {
  const config = readConfig(
    {
      HOLDFAST_HOME: z.string().default('.holdfast'),
      HOLDFAST_HOST: host,
      ...redisVariables,
      HOLDFAST_REDIS_URL: redisVariables.HOLDFAST_REDIS_URL.optional(),
      HOLDFAST_REDIS_PORT: port.default(6390),
      HOLDFAST_API_PORT: port.default(3000),
      HOLDFAST_DASHBOARD_PORT: port.default(3001),
      HOLDFAST_SANDBOX_PORT: port.default(3002),
      HOLDFAST_SMTP_PORT: port.default(3025),
      HOLDFAST_DEV_KEY: z
        .string()
        .regex(
          /^hf_[A-Za-z0-9_-]{16,200}$/,
          'expected hf_ followed by at least 16 letters, digits, "_" or "-"',
        )
        .optional(),
      HOLDFAST_DASHBOARD_USER: z
        .string()
        .regex(/^[^:]+$/, 'expected a name without a colon')
        .default('admin'),
      HOLDFAST_DASHBOARD_PASSWORD: z.string().optional(),
    },
    env,
  );
  return {
    home: resolve(config.HOLDFAST_HOME),
    host: config.HOLDFAST_HOST,
    workers,
    config: findConfig(env),
    sandbox,
    stripeWebhooks,
    redis: config.HOLDFAST_REDIS_URL
      ? {
          kind: 'external',
          settings: redisSettings({ ...config, HOLDFAST_REDIS_URL: config.HOLDFAST_REDIS_URL }),
        }
      : { kind: 'embedded', port: config.HOLDFAST_REDIS_PORT },
    ports: {
      api: config.HOLDFAST_API_PORT,
      dashboard: config.HOLDFAST_DASHBOARD_PORT,
      sandbox: config.HOLDFAST_SANDBOX_PORT,
      smtp: config.HOLDFAST_SMTP_PORT,
    },
    apiKey: config.HOLDFAST_DEV_KEY,
    dashboardUser: config.HOLDFAST_DASHBOARD_USER,
    dashboardPassword: config.HOLDFAST_DASHBOARD_PASSWORD,
    env,
  };
}
