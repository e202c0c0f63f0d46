import {
  host,
  logLevel,
  type ProxySettings,
  port,
  proxySettings,
  proxyVariables,
  readConfig,
  redisSettings,
  redisVariables,
} from '@holdfast/app-kit';
import type { RedisSettings } from '@holdfast/redis';
import { z } from 'zod';
import type { Account } from './plugins/login.ts';

export interface DashboardConfig {
  readonly host: string;
  readonly port: number;
  readonly proxy: ProxySettings;
  readonly redis: RedisSettings;
  readonly accounts: readonly [Account, ...Account[]];
  readonly logLevel: string;
}

const PASSWORD = 'expected a password of your own with at least 12 characters';
const GUESSABLE =
  /^(.)\1*$|^(admin|viewer|password|passwort|changeme|holdfast|secret|letmein|default)[\d!_-]*$|^0?1234567/i;

const password = z
  .string({ error: PASSWORD })
  .min(12, PASSWORD)
  .max(200, 'expected at most 200 characters')
  .refine((text) => !GUESSABLE.test(text), `${PASSWORD} that is not easily guessed`);

const user = z
  .string()
  .max(100, 'expected at most 100 characters')
  .regex(/^[^:]+$/, 'expected a name without ":"');

const BOTH =
  'expected both HOLDFAST_DASHBOARD_VIEWER_USER and HOLDFAST_DASHBOARD_VIEWER_PASSWORD, or neither';

/** @throws ConfigError naming every variable that does not fit. */
export function readDashboardConfig(
  env: Readonly<Record<string, string | undefined>> = process.env,
): DashboardConfig {
  const admin = env.HOLDFAST_DASHBOARD_USER || 'admin';
  const viewer = z
    .string({ error: BOTH })
    .pipe(user)
    .refine((name) => name !== admin, 'expected another name than that of HOLDFAST_DASHBOARD_USER');
  const viewersPassword = z.string({ error: BOTH }).pipe(password);
  // one of them alone is a mistake
  const hasViewer = Boolean(env.HOLDFAST_DASHBOARD_VIEWER_USER || env.HOLDFAST_DASHBOARD_VIEWER_PASSWORD);
  const read = readConfig(
    {
      HOLDFAST_HOST: host,
      HOLDFAST_DASHBOARD_PORT: port.default(3001),
      ...proxyVariables,
      ...redisVariables,
      HOLDFAST_DASHBOARD_USER: user.default('admin'),
      HOLDFAST_DASHBOARD_PASSWORD: password,
      HOLDFAST_DASHBOARD_VIEWER_USER: hasViewer ? viewer : viewer.optional(),
      HOLDFAST_DASHBOARD_VIEWER_PASSWORD: hasViewer ? viewersPassword : viewersPassword.optional(),
      HOLDFAST_LOG_LEVEL: logLevel,
    },
    env,
  );
  return {
    host: read.HOLDFAST_HOST,
    port: read.HOLDFAST_DASHBOARD_PORT,
    proxy: proxySettings(read),
    redis: redisSettings(read),
    accounts: [
      { user: read.HOLDFAST_DASHBOARD_USER, password: read.HOLDFAST_DASHBOARD_PASSWORD, role: 'admin' },
      ...viewerOf(read),
    ],
    logLevel: read.HOLDFAST_LOG_LEVEL,
  };
}

function viewerOf(read: {
  readonly HOLDFAST_DASHBOARD_VIEWER_USER?: string | undefined;
  readonly HOLDFAST_DASHBOARD_VIEWER_PASSWORD?: string | undefined;
}): Account[] {
  const { HOLDFAST_DASHBOARD_VIEWER_USER: name, HOLDFAST_DASHBOARD_VIEWER_PASSWORD: secret } = read;
  return name === undefined || secret === undefined ? [] : [{ user: name, password: secret, role: 'viewer' }];
}
