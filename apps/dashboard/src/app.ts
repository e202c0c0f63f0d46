import formbody from '@fastify/formbody';
import {
  addHealthRoutes,
  addHost,
  behindProxy,
  createMetrics,
  type Host,
  type ProxySettings,
  refuseConnect,
  refuseOnSocket,
} from '@holdfast/app-kit';
import type { Client, FlowContract } from '@holdfast/engine';
import type { SharedStore } from '@holdfast/http';
import type { Operations } from '@holdfast/operations';
import Fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from 'fastify';
import type { BoardQueues } from './board-queues.ts';
import { BulkRedrives } from './bulk-redrives.ts';
import type { FaultPanel } from './fault-panel.ts';
import type { Account } from './logins.ts';
import { assets } from './plugins/assets.ts';
import { belowBasePath } from './plugins/base-path.ts';
import { board } from './plugins/board.ts';
import { login } from './plugins/login.ts';
import { sameSiteWrites } from './plugins/same-site.ts';
import { securityHeaders } from './plugins/security-headers.ts';
import { answerProblem, DashboardProblem, storeUnavailable } from './problems.ts';
import { actRoutes } from './routes/act.ts';
import { faultRoutes } from './routes/faults.ts';
import { loginsRoutes } from './routes/logins.ts';
import { overviewRoutes } from './routes/overview.ts';
import { runRoutes } from './routes/run.ts';
import { runsRoutes } from './routes/runs.ts';
import { tenantsRoutes } from './routes/tenants.ts';
import { webhooksRoutes } from './routes/webhooks.ts';
import { SecurityLog } from './security-log.ts';
import { EventStreams } from './server-events.ts';
import type { Snapshots } from './snapshots.ts';
import type { WebhooksOut } from './webhooks-out.ts';

export interface DashboardParts {
  /** Who may log in at the moment. */
  readonly accounts: () => readonly Account[];
  /** The header in which a trusted proxy says who the user is. */
  readonly trustedHeader?: string | undefined;
  readonly proxy: ProxySettings;
  readonly queues: BoardQueues;
  readonly client: Client;
  readonly operations: Operations;
  readonly snapshots: Snapshots;
  readonly webhooksOut: WebhooksOut;
  /** What all workers know together of the providers. */
  readonly providers: SharedStore;
  /** What new runs begin with. */
  readonly flows: readonly FlowContract[];
  /** Of every version that a run may be at: the client's. */
  readonly contracts: readonly FlowContract[];
  /** Rejects, in time, when Redis does not answer. */
  readonly ping: () => Promise<unknown>;
  readonly draining: () => boolean;
  /** In `npm start` and `holdfast dev` alone. */
  readonly faults?: FaultPanel | undefined;
  /** Absent: the dashboard has a server of its own. */
  readonly host?: Host | undefined;
  readonly log: FastifyBaseLogger;
}

/** The dashboard, complete but for a port to listen on. */
export async function buildDashboard(parts: DashboardParts): Promise<FastifyInstance> {
  const { client, operations, snapshots, providers, queues, flows, contracts, proxy, log, faults } = parts;
  const app: FastifyInstance = Fastify({
    ...behindProxy(proxy, parts.host),
    loggerInstance: log,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: 256 * 1024,
    frameworkErrors: answerProblem,
    clientErrorHandler: (_error, socket) => refuseOnSocket(socket, 400),
    requestTimeout: 15_000,
    http: { headersTimeout: 10_000, connectionsCheckingInterval: 2_000 },
    connectionTimeout: 30_000,
  });
  const redrives = new BulkRedrives(operations, log);
  const events = new EventStreams();
  const ping = async () => {
    try {
      await parts.ping();
    } catch (error) {
      log.warn({ err: error }, 'Redis does not answer');
      throw storeUnavailable();
    }
  };

  addHost(app, parts.host, (message) => new DashboardProblem(500, 'body_already_parsed', message));
  refuseConnect(app);
  app.setErrorHandler(answerProblem);
  app.setNotFoundHandler((request, reply) =>
    answerProblem(new DashboardProblem(404, 'page_not_found', 'There is no such page.'), request, reply),
  );
  await app.register(securityHeaders);
  await app.register(belowBasePath, proxy);
  const security = new SecurityLog(
    (action, user, detail) => operations.noteSecurity({ name: user, via: 'dashboard' }, action, detail),
    log,
  );
  await app.register(login, {
    ...{ accounts: parts.accounts, security, trustedHeader: parts.trustedHeader },
    trustedProxies: proxy.trustedProxies,
  });
  await app.register(sameSiteWrites);
  await app.register(assets);
  await app.register(async (pages) => {
    await pages.register(formbody);
    await pages.register(loginsRoutes, { operations, security });
    await pages.register(overviewRoutes, { client, operations, snapshots, redrives, events, faults });
    if (faults) await pages.register(faultRoutes, { faults });
    await pages.register(runsRoutes, { client, snapshots, flows: flows.map(({ name }) => name) });
    await pages.register(runRoutes, { client, operations, events, contracts, snapshots });
    await pages.register(tenantsRoutes, { operations, snapshots, flows: flows.map(({ name }) => name) });
    await pages.register(webhooksRoutes, { client, out: parts.webhooksOut });
    await pages.register(actRoutes, { client, operations, redrives, contracts, providers });
  });
  await app.register(board, {
    ...{ queues, ping, client, operations, redrives, snapshots, basePath: proxy.basePath },
  });
  addHealthRoutes(app, { check: ping, draining: parts.draining, metrics: createMetrics('dashboard') });
  app.addHook('preClose', async () => {
    events.close();
    await redrives.close();
  });
  return app;
}
