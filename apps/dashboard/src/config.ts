import {
  ConfigError,
  fromFiles,
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
import { type Account, parseScrypt } from './logins.ts';

export interface DashboardConfig {
  readonly host: string;
  readonly port: number;
  readonly proxy: ProxySettings;
  readonly redis: RedisSettings;
  readonly accounts: readonly Account[];
  /** In lower case. */
  readonly trustedHeader: string | undefined;
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

const ONE_LOGIN =
  'expected user:role:hash, separated by spaces or lines: the role is admin or viewer, the hash is what `holdfast hash-password` prints, and may be left out for who comes through HOLDFAST_DASHBOARD_TRUSTED_HEADER';

/** Faults say which, and show nothing of it: it may be a password that was put there by mistake. */
const logins = z.string().transform((text, ctx): Account[] =>
  text
    .trim()
    .split(/\s+/)
    .map((entry, at) => {
      const [name = '', role, ...hash] = entry.split(':');
      const scrypt = hash.length === 1 ? parseScrypt(hash[0] ?? '') : undefined;
      if (name !== '' && (role === 'admin' || role === 'viewer') && hash.length <= 1 && (scrypt || !hash[0]))
        return { user: name, role, ...(scrypt && { scrypt }) };
      ctx.addIssue({ code: 'custom', message: `${ONE_LOGIN}; the ${at + 1}. is not so` });
      return z.NEVER;
    }),
);

const header = z
  .string()
  .regex(/^[A-Za-z][A-Za-z0-9-]{0,99}$/, 'expected the name of a header, as in X-Forwarded-User')
  .transform((name) => name.toLowerCase());

const LOGINS = [
  'HOLDFAST_DASHBOARD_PASSWORD',
  'HOLDFAST_DASHBOARD_VIEWER_PASSWORD',
  'HOLDFAST_DASHBOARD_LOGINS',
];

const BOTH =
  'expected both HOLDFAST_DASHBOARD_VIEWER_USER and HOLDFAST_DASHBOARD_VIEWER_PASSWORD, or neither';

/** @throws ConfigError naming every variable that does not fit. */
export function readDashboardConfig(
  environment: Readonly<Record<string, string | undefined>> = process.env,
): DashboardConfig {
  // some are needed or not by whether others are there
  const env = fromFiles(environment, LOGINS);
  const admin = env.HOLDFAST_DASHBOARD_USER || 'admin';
  const viewer = z
    .string({ error: BOTH })
    .pipe(user)
    .refine((name) => name !== admin, 'expected another name than that of HOLDFAST_DASHBOARD_USER');
  const viewersPassword = z.string({ error: BOTH }).pipe(password);
  // one of them alone is a mistake
  const hasViewer = Boolean(env.HOLDFAST_DASHBOARD_VIEWER_USER || env.HOLDFAST_DASHBOARD_VIEWER_PASSWORD);
  // without another way in it is the only one
  const needsPassword = !env.HOLDFAST_DASHBOARD_LOGINS && !env.HOLDFAST_DASHBOARD_TRUSTED_HEADER;
  const read = readConfig(
    {
      HOLDFAST_HOST: host,
      HOLDFAST_DASHBOARD_PORT: port.default(3001),
      ...proxyVariables,
      ...redisVariables,
      HOLDFAST_DASHBOARD_USER: user.default('admin'),
      HOLDFAST_DASHBOARD_PASSWORD: needsPassword ? password : password.optional(),
      HOLDFAST_DASHBOARD_LOGINS: logins.optional(),
      HOLDFAST_DASHBOARD_TRUSTED_HEADER: header.optional(),
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
    accounts: distinct([
      ...(read.HOLDFAST_DASHBOARD_PASSWORD === undefined
        ? []
        : [
            {
              user: read.HOLDFAST_DASHBOARD_USER,
              password: read.HOLDFAST_DASHBOARD_PASSWORD,
              role: 'admin' as const,
            },
          ]),
      ...viewerOf(read),
      ...(read.HOLDFAST_DASHBOARD_LOGINS ?? []),
    ]),
    trustedHeader: fromTrustedProxies(read.HOLDFAST_DASHBOARD_TRUSTED_HEADER, read.HOLDFAST_TRUSTED_PROXIES),
    logLevel: read.HOLDFAST_LOG_LEVEL,
  };
}

/** @throws ConfigError when a user is there twice */
function distinct(accounts: readonly Account[]): readonly Account[] {
  const names = accounts.map(({ user: name }) => name);
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice === undefined) return accounts;
  const message = `has the user ${JSON.stringify(twice)}, who is there already`;
  throw new ConfigError([{ variable: 'HOLDFAST_DASHBOARD_LOGINS', message }]);
}

/** @throws ConfigError when anybody could send the header */
function fromTrustedProxies(name: string | undefined, proxies: readonly string[]): string | undefined {
  if (name === undefined || proxies.length > 0) return name;
  const message =
    'is taken from trusted proxies only; set HOLDFAST_TRUSTED_PROXIES to the address of the one that logs people in';
  throw new ConfigError([{ variable: 'HOLDFAST_DASHBOARD_TRUSTED_HEADER', message }]);
}

function viewerOf(read: {
  readonly HOLDFAST_DASHBOARD_VIEWER_USER?: string | undefined;
  readonly HOLDFAST_DASHBOARD_VIEWER_PASSWORD?: string | undefined;
}): Account[] {
  const { HOLDFAST_DASHBOARD_VIEWER_USER: name, HOLDFAST_DASHBOARD_VIEWER_PASSWORD: secret } = read;
  return name === undefined || secret === undefined ? [] : [{ user: name, password: secret, role: 'viewer' }];
}
