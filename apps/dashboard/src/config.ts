import { host, logLevel, port, readConfig, redisUrl } from '@holdfast/app-kit';
import { z } from 'zod';

export interface DashboardConfig {
  readonly host: string;
  readonly port: number;
  readonly redisUrls: readonly [string, ...string[]];
  readonly user: string;
  readonly password: string;
  readonly logLevel: string;
}

const PASSWORD = 'expected a password of your own with at least 12 characters';
const GUESSABLE =
  /^(.)\1*$|^(admin|password|passwort|changeme|holdfast|secret|letmein|default)[\d!_-]*$|^0?1234567/i;

const password = z
  .string({ error: PASSWORD })
  .min(12, PASSWORD)
  .max(200, 'expected at most 200 characters')
  .refine((text) => !GUESSABLE.test(text), `${PASSWORD} that is not easily guessed`);

/** @throws ConfigError naming every variable that does not fit. */
export function readDashboardConfig(env?: Readonly<Record<string, string | undefined>>): DashboardConfig {
  const read = readConfig(
    {
      HOLDFAST_HOST: host,
      HOLDFAST_DASHBOARD_PORT: port.default(3001),
      HOLDFAST_REDIS_URL: redisUrl,
      HOLDFAST_DASHBOARD_USER: z
        .string()
        .max(100, 'expected at most 100 characters')
        .regex(/^[^:]+$/, 'expected a name without ":"')
        .default('admin'),
      HOLDFAST_DASHBOARD_PASSWORD: password,
      HOLDFAST_LOG_LEVEL: logLevel,
    },
    env,
  );
  return {
    host: read.HOLDFAST_HOST,
    port: read.HOLDFAST_DASHBOARD_PORT,
    redisUrls: read.HOLDFAST_REDIS_URL,
    user: read.HOLDFAST_DASHBOARD_USER,
    password: read.HOLDFAST_DASHBOARD_PASSWORD,
    logLevel: read.HOLDFAST_LOG_LEVEL,
  };
}
