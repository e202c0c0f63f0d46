import { join } from 'node:path';
import {
  ConfigError,
  createLogger,
  host,
  logLevel,
  onShutdown,
  pem,
  port,
  readConfig,
  runMain,
  url,
  wholeNumber,
} from '@holdfast/app-kit';
import { z } from 'zod';
import type { WebhookTarget } from './payment/webhook.ts';
import { DEFAULT_SHIPPING_CLIENT } from './providers-env.ts';
import { startSandbox } from './start.ts';
import type { TlsOptions } from './tls.ts';

const STOP_WITHIN_MS = 5000;

runMain(async () => {
  const config = readConfig({
    HOLDFAST_HOME: z.string().default('.holdfast'),
    /** Where the ledger is. Default: `sandbox` in HOLDFAST_HOME. */
    HOLDFAST_SANDBOX_DIR: z.string().optional(),
    HOLDFAST_HOST: host,
    HOLDFAST_SANDBOX_PORT: port.default(3002),
    HOLDFAST_SMTP_PORT: port.default(3025),
    HOLDFAST_SANDBOX_TLS_PORT: port.optional(),
    HOLDFAST_SANDBOX_TLS_CERT: pem.optional(),
    HOLDFAST_SANDBOX_TLS_KEY: pem.optional(),
    HOLDFAST_LOG_LEVEL: logLevel,
    HOLDFAST_SHIPPING_CLIENT_ID: z.string().default(DEFAULT_SHIPPING_CLIENT.id),
    HOLDFAST_SHIPPING_CLIENT_SECRET: z.string().default(DEFAULT_SHIPPING_CLIENT.secret),
    HOLDFAST_SANDBOX_SETTLE_MS: wholeNumber(0, 3_600_000).default(1000),
    HOLDFAST_SANDBOX_WEBHOOK_URL: url('http:', 'https:').optional(),
    HOLDFAST_SANDBOX_WEBHOOK_SECRET: z.string().optional(),
  });
  const webhook = webhookTarget(config.HOLDFAST_SANDBOX_WEBHOOK_URL, config.HOLDFAST_SANDBOX_WEBHOOK_SECRET);
  const log = createLogger('sandbox', config.HOLDFAST_LOG_LEVEL);
  const sandbox = await startSandbox({
    host: config.HOLDFAST_HOST,
    port: config.HOLDFAST_SANDBOX_PORT,
    smtpPort: config.HOLDFAST_SMTP_PORT,
    dataDir: config.HOLDFAST_SANDBOX_DIR ?? join(config.HOLDFAST_HOME, 'sandbox'),
    log,
    settleMs: config.HOLDFAST_SANDBOX_SETTLE_MS,
    shippingClient: {
      id: config.HOLDFAST_SHIPPING_CLIENT_ID,
      secret: config.HOLDFAST_SHIPPING_CLIENT_SECRET,
    },
    ...(webhook ? { webhook } : {}),
    ...tlsOf({
      port: config.HOLDFAST_SANDBOX_TLS_PORT,
      cert: config.HOLDFAST_SANDBOX_TLS_CERT,
      key: config.HOLDFAST_SANDBOX_TLS_KEY,
    }),
  });
  onShutdown(log, STOP_WITHIN_MS, sandbox.close);
  const { url: at, smtpUrl, tlsUrl } = sandbox;
  log.info({ url: at, smtpUrl, ...(tlsUrl && { tlsUrl }) }, 'listening');
});

/** @throws ConfigError for a part of the three */
function tlsOf({ port, cert, key }: { [Part in keyof TlsOptions]: TlsOptions[Part] | undefined }): {
  readonly tls?: TlsOptions;
} {
  if (port === undefined && cert === undefined && key === undefined) return {};
  if (port !== undefined && cert !== undefined && key !== undefined) return { tls: { port, cert, key } };
  const missing = port === undefined ? 'PORT' : cert === undefined ? 'CERT' : 'KEY';
  const message = 'is missing; TLS needs its port, a certificate and its key';
  throw new ConfigError([{ variable: `HOLDFAST_SANDBOX_TLS_${missing}`, message }]);
}

function webhookTarget(target: string | undefined, secret: string | undefined): WebhookTarget | undefined {
  if (target !== undefined && secret !== undefined) return { url: target, secret };
  if (target === undefined && secret === undefined) return undefined;
  const variable = `HOLDFAST_SANDBOX_WEBHOOK_${target === undefined ? 'URL' : 'SECRET'}`;
  throw new ConfigError([{ variable, message: 'is missing; the webhook needs both its URL and its secret' }]);
}
