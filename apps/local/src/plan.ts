import { fileURLToPath } from 'node:url';
import { providersEnv } from '@holdfast/sandbox/providers-env';
import type { ChildSpec } from './child.ts';
import type { Home } from './home.ts';
import { answersOk } from './http-ready.ts';
import { allotPorts, type PortRequest } from './ports.ts';
import { answersPing, assertReachable, findRedisServer, redisArguments } from './redis-server.ts';
import type { Secrets } from './secrets.ts';
import type { Environment, Settings } from './settings.ts';

/** Every part of the system: how to start it and where it will be. */
export interface Plan {
  readonly apiKey: string;
  /** Without a `spec` it is somebody else's to run. */
  readonly redis: { readonly url: string; readonly spec?: ChildSpec };
  /** Absent where no provider of the config is in it. */
  readonly sandbox: { readonly url: string; readonly smtpUrl: string; readonly spec: ChildSpec } | undefined;
  readonly api: { readonly url: string; readonly spec: ChildSpec };
  readonly workers: readonly { readonly url: string; readonly spec: ChildSpec }[];
  readonly dashboard: {
    readonly url: string;
    readonly user: string;
    readonly password: string;
    readonly spec: ChildSpec;
  };
}

const LOOPBACK = '127.0.0.1';
const READY_TIMEOUT_MS = 30_000;

/** @throws OperatorError when a port is taken, or there is no Redis or none that answers */
export async function planSystem(settings: Settings, home: Home, secrets: Secrets): Promise<Plan> {
  const ports = await allotPorts(portRequests(settings));
  const urlOf = (name: string) => `http://${reachable(settings.host)}:${ports[name]}`;
  const app = (program: string, name: string, env: Environment): ChildSpec => ({
    name,
    command: process.execPath,
    args: ['--enable-source-maps', fileURLToPath(import.meta.resolve(`@holdfast/${program}/main`))],
    env: { ...settings.env, ...notInFiles({ ...shared, ...env }, settings.env) },
    logFile: home.freshLog(name),
    isReady: () => answersOk(`${urlOf(name)}/readyz`),
    readyTimeoutMs: READY_TIMEOUT_MS,
    stopGraceMs: 12_000, // a little more than each gives itself
  });

  const withFaultPanel = (spec: ChildSpec): ChildSpec => ({
    ...spec,
    args: [...spec.args, '--fault-panel', home.processesFile],
  });

  const redis = await planRedis(settings, home, ports.redis ?? 0);
  const apiKey = settings.apiKey ?? secrets.apiKey;
  const login = {
    user: settings.dashboardUser,
    password: settings.dashboardPassword ?? secrets.dashboardPassword,
  };
  const smtpUrl = `smtp://${reachable(settings.host)}:${ports.smtp}`;
  const webhooks = stripeWebhooks(settings, secrets);
  const webhookAllow = settings.env.HOLDFAST_WEBHOOK_ALLOW ?? '127.0.0.1,::1';
  const shared = {
    ...webhooks?.shared,
    HOLDFAST_REDIS_URL: redis.url,
    HOLDFAST_HOST: settings.host,
    HOLDFAST_CONFIG: settings.config,
  };
  const encryption = {
    HOLDFAST_ENCRYPTION_KEYS: settings.env.HOLDFAST_ENCRYPTION_KEYS || secrets.encryptionKeys,
  };
  return {
    apiKey,
    redis,
    sandbox: settings.sandbox
      ? {
          url: urlOf('sandbox'),
          smtpUrl,
          spec: app('sandbox', 'sandbox', {
            HOLDFAST_SANDBOX_PORT: String(ports.sandbox),
            HOLDFAST_SMTP_PORT: String(ports.smtp),
            HOLDFAST_SANDBOX_DIR: home.sandboxDir,
            ...webhooks?.sandbox(urlOf('api')),
          }),
        }
      : undefined,
    api: {
      url: urlOf('api'),
      spec: app('api', 'api', {
        HOLDFAST_API_PORT: String(ports.api),
        HOLDFAST_DEV_KEY: apiKey,
        ...encryption,
        HOLDFAST_WEBHOOK_ALLOW: webhookAllow,
        HOLDFAST_DRAIN_DELAY: settings.env.HOLDFAST_DRAIN_DELAY || '0s',
      }),
    },
    workers: workerNames(settings).map((name) => ({
      url: urlOf(name),
      spec: {
        ...app('worker', name, {
          ...(settings.sandbox ? providersAt(urlOf('sandbox'), smtpUrl, settings.env) : {}),
          HOLDFAST_WORKER_PORT: String(ports[name]),
          HOLDFAST_DEV_KEY: apiKey,
          ...encryption,
          HOLDFAST_WEBHOOK_ALLOW: webhookAllow,
          HOLDFAST_PUBLIC_URL: settings.env.HOLDFAST_PUBLIC_URL || urlOf('api'),
        }),
        stopGraceMs: 40_000, // it lets running steps end
      },
    })),
    dashboard: {
      url: urlOf('dashboard'),
      ...login,
      spec: withFaultPanel(
        app('dashboard', 'dashboard', {
          HOLDFAST_DASHBOARD_PORT: String(ports.dashboard),
          HOLDFAST_DASHBOARD_USER: login.user,
          HOLDFAST_DASHBOARD_PASSWORD: login.password,
          ...encryption,
        }),
      ),
    },
  };
}

async function planRedis({ redis, env }: Settings, home: Home, port: number): Promise<Plan['redis']> {
  if (redis.kind === 'external') {
    await assertReachable(redis.settings);
    return { url: redis.settings.urls.join(',') };
  }
  const url = `redis://${LOOPBACK}:${port}`;
  return {
    url,
    spec: {
      name: 'redis',
      command: findRedisServer(env.PATH),
      args: redisArguments({ port, dataDir: home.redisDir }),
      env,
      logFile: home.freshLog('redis'),
      isReady: () => answersPing(url),
      readyTimeoutMs: READY_TIMEOUT_MS,
      stopGraceMs: 10_000,
    },
  };
}

function portRequests({ redis, host, ports, workers, sandbox }: Settings): Record<string, PortRequest> {
  return {
    ...(redis.kind === 'embedded' && {
      redis: { host: LOOPBACK, port: redis.port, variable: 'HOLDFAST_REDIS_PORT' },
    }),
    api: { host, port: ports.api, variable: 'HOLDFAST_API_PORT' },
    dashboard: { host, port: ports.dashboard, variable: 'HOLDFAST_DASHBOARD_PORT' },
    ...(sandbox && {
      sandbox: { host, port: ports.sandbox, variable: 'HOLDFAST_SANDBOX_PORT' },
      smtp: { host, port: ports.smtp, variable: 'HOLDFAST_SMTP_PORT' },
    }),
    ...Object.fromEntries(
      workerNames({ workers }).map((name) => [name, { host, port: 0, variable: 'HOLDFAST_WORKER_PORT' }]),
    ),
  };
}

function workerNames({ workers }: Pick<Settings, 'workers'>): string[] {
  return Array.from({ length: workers }, (_, index) => `worker-${index + 1}`);
}

/** Who signs what settles later, and how that is verified: the user's own secret, or one that was made for this home. */
function stripeWebhooks({ stripeWebhooks: wanted, env }: Settings, { webhookSecret }: Secrets) {
  if (!wanted) return undefined;
  const verified = env.HOLDFAST_WEBHOOK_STRIPE || `stripe:${webhookSecret}`;
  const [secret = ''] = verified.slice(verified.indexOf(':') + 1).split(',');
  return {
    shared: { HOLDFAST_WEBHOOK_STRIPE: verified },
    sandbox: (apiUrl: string): Environment => ({
      HOLDFAST_SANDBOX_WEBHOOK_URL: env.HOLDFAST_SANDBOX_WEBHOOK_URL || `${apiUrl}/v1/webhooks/stripe`,
      HOLDFAST_SANDBOX_WEBHOOK_SECRET: env.HOLDFAST_SANDBOX_WEBHOOK_SECRET || secret,
    }),
  };
}

/** The sandbox's providers, each unless the user has named another. */
function providersAt(sandboxUrl: string, smtpUrl: string, env: Environment): Environment {
  const sandbox = providersEnv({ url: sandboxUrl, smtpUrl });
  return Object.fromEntries(Object.entries(sandbox).map(([name, value]) => [name, env[name] || value]));
}

/** What its user keeps in a file, a child reads from there, and again when it changes. */
function notInFiles(told: Environment, env: Environment): Environment {
  return Object.fromEntries(Object.entries(told).filter(([name]) => !env[`${name}_FILE`]));
}

/** Where a server that binds to `host` is reached from this machine. */
function reachable(host: string): string {
  if (host === '0.0.0.0') return LOOPBACK;
  if (host === '::') return '[::1]';
  return host.includes(':') ? `[${host}]` : host;
}
