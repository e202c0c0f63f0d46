import { addHealthRoutes, createMetrics, type Logger } from '@holdfast/app-kit';
import Fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from 'fastify';
import qs from 'qs';
import { controlRoutes } from './control.ts';
import { createMailServer, type MailServer } from './email.ts';
import { Faults } from './faults.ts';
import { inventoryRoutes } from './inventory.ts';
import { Ledger } from './ledger.ts';
import { type OAuthClient, TokenIssuer } from './oauth.ts';
import { authenticationRoutes } from './payment/authentication.ts';
import { newId } from './payment/ids.ts';
import { Payments } from './payment/payments.ts';
import { paymentRoutes } from './payment/routes.ts';
import type { WebhookTarget } from './payment/webhook.ts';
import { addProblemHandlers } from './problems.ts';
import { DEFAULT_SHIPPING_CLIENT } from './providers-env.ts';
import { shippingRoutes } from './shipping.ts';

export interface SandboxOptions {
  /** The directory of `ledger.jsonl`; made if need be. */
  readonly dataDir: string;
  /** Default: nothing is logged. */
  readonly log?: Logger;
  /** How long `pm_card_processing` processes, in milliseconds. Default 1000. */
  readonly settleMs?: number;
  /** Who is told when a payment has settled. Default: nobody. */
  readonly webhook?: WebhookTarget;
  /** Default: id `sandbox`, secret `sandbox-secret`. */
  readonly shippingClient?: OAuthClient;
  /** How long a shipping token is good for. Default 3600. */
  readonly tokenLifetimeSeconds?: number;
}

/** A reservation's id is as long as its caller likes, within reason. */
const MAX_PARAM_LENGTH = 500;

/**
 * The four providers over one ledger: three behind the HTTP app, mail behind the mail server. Closing the app ends all of it.
 * @throws OperatorError when the ledger's file cannot be read
 */
export function buildSandbox(options: SandboxOptions): {
  app: FastifyInstance;
  mail: MailServer;
  faults: Faults;
} {
  const { dataDir, log, webhook, settleMs = 1000, tokenLifetimeSeconds = 3600 } = options;
  const ledger = new Ledger(dataDir);
  const faults = new Faults();
  const payments = new Payments(ledger, { settleMs, webhook, log });
  const mail = createMailServer(ledger, faults);
  const tokens = new TokenIssuer(options.shippingClient ?? DEFAULT_SHIPPING_CLIENT, tokenLifetimeSeconds);

  const loggerInstance: FastifyBaseLogger | undefined = log;
  const app = Fastify({
    ...(loggerInstance ? { loggerInstance } : {}),
    logController: new LogController({ disableRequestLogging: true }),
    forceCloseConnections: true,
    genReqId: () => newId('req'),
    routerOptions: { maxParamLength: MAX_PARAM_LENGTH, querystringParser: (query) => qs.parse(query) },
  });
  app.removeContentTypeParser('text/plain');
  let draining = false;
  app.addHook('preClose', async () => {
    draining = true;
    await mail.close();
  });
  app.addHook('onClose', async () => {
    payments.close();
    ledger.close();
  });

  addProblemHandlers(app);
  addHealthRoutes(app, {
    check: async () => ledger.check(),
    draining: () => draining,
    metrics: createMetrics('sandbox'),
  });
  app.register(controlRoutes(ledger, faults), { prefix: '/_control' });
  // The official `stripe` package takes no path prefix.
  for (const prefix of ['/v1', '/payment/v1']) app.register(paymentRoutes(payments, faults), { prefix });
  app.register(authenticationRoutes(payments), { prefix: '/payment/authenticate' });
  app.register(inventoryRoutes(ledger, faults), { prefix: '/inventory' });
  app.register(shippingRoutes(ledger, faults, tokens), { prefix: '/shipping' });
  return { app, mail, faults };
}
