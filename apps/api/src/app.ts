import { randomUUID } from 'node:crypto';
import {
  addHealthRoutes,
  addHost,
  basePathOf,
  behindProxy,
  createMetrics,
  type Host,
  NO_PROXY,
  Places,
  type Preflight,
  type ProxySettings,
  refuseConnect,
} from '@holdfast/app-kit';
import type { Client, FlowContract, Schedules } from '@holdfast/engine';
import type { ApiKeys, ApiUseReport, OpenNow, Operations, Replays } from '@holdfast/operations';
import { DELIVERY_FLOW } from '@holdfast/outgoing';
import type { Routes } from '@holdfast/project';
import { WEBHOOK_FLOW } from '@holdfast/webhooks';
import Fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from 'fastify';
import type { AddressLimit } from './address-limit.ts';
import type { Callers } from './callers.ts';
import { fingerprintOf } from './fingerprint.ts';
import { acceptJsonOnly, MAX_BODY_BYTES } from './json-body.ts';
import { openApiDocument } from './openapi/document.ts';
import { watchMethods } from './plugins/allowed-methods.ts';
import { authentication, mayOperate } from './plugins/authentication.ts';
import { addDrain, type Drain } from './plugins/drain.ts';
import { fairTurns } from './plugins/fair-turns.ts';
import { onlyOnceAdmitted } from './plugins/only-once-admitted.ts';
import { answerClientError, answerProblem, problems } from './plugins/problems.ts';
import { rateLimit } from './plugins/rate-limit.ts';
import { replays } from './plugins/replays.ts';
import { requestLog } from './plugins/request-log.ts';
import { MAX_WAIT_SECONDS } from './prefer-wait.ts';
import { ProblemError } from './problems.ts';
import { auditRoutes } from './routes/audit.ts';
import { bulkRoutes } from './routes/bulk.ts';
import { bulkSubmitRoutes } from './routes/bulk-submit.ts';
import { callbackRoutes } from './routes/callbacks.ts';
import { docsRoutes } from './routes/docs.ts';
import { evidenceRoutes } from './routes/evidence.ts';
import { flowRoutes } from './routes/flows.ts';
import { keyRoutes } from './routes/keys.ts';
import { listRoutes } from './routes/lists.ts';
import { operateRoutes } from './routes/operate.ts';
import { providerRoutes, type ReadProviders } from './routes/providers.ts';
import { MAX_STREAMS, runEventRoutes } from './routes/run-events.ts';
import { runRoutes } from './routes/runs.ts';
import { scheduleRoutes } from './routes/schedules.ts';
import { stateRoutes } from './routes/state.ts';
import { elsewhereIn, submitRoutes } from './routes/submit.ts';
import { timelineRoutes } from './routes/timeline.ts';
import { webhookDeliveryRoutes } from './routes/webhook-deliveries.ts';
import { webhookEndpointRoutes } from './routes/webhook-endpoints.ts';
import { type WebhookRoutesOptions, webhookRoutes } from './routes/webhooks.ts';
import type { TenantLimit } from './tenant-limit.ts';
import type { WebhooksOut } from './webhooks-out.ts';

export interface ApiParts {
  readonly client: Client;
  /** The client's, for the description of the API. */
  readonly flows: readonly FlowContract[];
  /** Beside those that every system has. */
  readonly routes: readonly Routes[];
  /** Whom a request comes from. */
  readonly callers: Callers;
  /** The keys that are created, listed and revoked here. */
  readonly storedKeys: ApiKeys;
  /** The client's. */
  readonly operations: Operations;
  readonly readProviders: ReadProviders;
  /** Absent: tenants may send as many requests as they like. */
  readonly limit?: TenantLimit | undefined;
  /** Says what tenants use of this process, until it stops. Absent: nobody is told. */
  readonly reportUse?: (open: () => OpenNow) => ApiUseReport;
  /** Absent: addresses may show as many wrong keys as they like. */
  readonly wrongKeys?: AddressLimit;
  /** Absent: an Idempotency-Key counts on submissions only. */
  readonly replays?: Replays;
  /** Whether accepted runs are safe in the client's Redis. */
  readonly preflight: Pick<Preflight, 'assertAdmitted' | 'report'>;
  /** Absent: nothing can be scheduled. */
  readonly schedules?: Schedules;
  /** Absent: webhooks are taken from nobody. */
  readonly webhooks?: Pick<WebhookRoutesOptions, 'sources' | 'memory' | 'refusals' | 'alert'>;
  /** Where tenants have their events sent. */
  readonly webhooksOut: WebhooksOut;
  /** Absent: the API has a server of its own. */
  readonly host?: Host | undefined;
  /** Absent: clients reach it directly. */
  readonly proxy?: ProxySettings;
  readonly log: FastifyBaseLogger;
}

export interface Api {
  readonly app: FastifyInstance;
  readonly drain: Drain;
}

/** Requests that wait for the end of their run (`Prefer: wait`): each costs a socket, and looks at Redis while nothing happens. */
export const MAX_WAITS = { all: 1_000, each: 200 } as const;

/** The HTTP API, complete but for a port to listen on. */
export async function buildApi(parts: ApiParts): Promise<Api> {
  const { client, flows, routes, callers, storedKeys, operations, readProviders, preflight, limit, log } =
    parts;
  const { proxy = NO_PROXY, host } = parts;
  const app: FastifyInstance = Fastify({
    ...behindProxy(proxy, host),
    loggerInstance: log,
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: () => randomUUID(),
    requestIdHeader: false,
    bodyLimit: MAX_BODY_BYTES,
    // a name of state with each character escaped
    routerOptions: { maxParamLength: 600 },
    frameworkErrors: answerProblem,
    clientErrorHandler: answerClientError,
    // While draining, what still arrives on open connections is served: our 503s would not be problem details.
    return503OnClosing: false,
    // Slow senders: the headers in 10 s, the whole request in 15 s, looked at every 2 s.
    requestTimeout: 15_000,
    http: { headersTimeout: 10_000, connectionsCheckingInterval: 2_000 },
    // An idle socket; longer than the longest wait, during which nothing is sent.
    connectionTimeout: (MAX_WAIT_SECONDS + 15) * 1000,
  });
  app.setValidatorCompiler(() => () => true);
  app.setSerializerCompiler(() => JSON.stringify);
  acceptJsonOnly(app);
  addHost(app, host, (message) => new ProblemError('body_already_parsed', message));
  app.decorate('basePath', proxy.basePath);

  const drain = addDrain(app);
  app.addHook('onRequest', async (_request, reply) => {
    reply.header('x-content-type-options', 'nosniff');
  });
  app.addHook('onSend', async (request, reply, payload) => {
    const location = reply.getHeader('location');
    if (typeof location === 'string' && location.startsWith('/'))
      reply.header('location', `${basePathOf(request.raw, proxy.basePath)}${location}`);
    return payload;
  });
  refuseConnect(app);
  const refuseOtherMethods = watchMethods(app);
  const metrics = createMetrics('api');
  await app.register(problems);
  await app.register(requestLog, { metrics });
  await app.register(authentication, { callers, wrongKeys: parts.wrongKeys });
  await app.register(rateLimit, { limit });
  await app.register(fairTurns);
  const waits = new Places(MAX_WAITS);
  const streams = new Places(MAX_STREAMS);
  const use = parts.reportUse?.(() => ({ waits: waits.taken, streams: streams.taken }));
  if (use) {
    app.addHook('preParsing', async ({ principal }) => {
      if (principal) use.note(principal.tenant);
    });
    app.addHook('onClose', () => use.stop());
  }
  await app.register(onlyOnceAdmitted, { preflight });
  await app.register(replays, { replays: parts.replays });

  const acceptedAt = new Map(routes.flatMap((own) => Object.entries(own.acceptedAt ?? {})));
  const accepting = {
    ...{ client, stopping: drain.signal, waits },
    fingerprint: (flow: string, input: unknown) =>
      fingerprintOf('POST', acceptedAt.get(flow) ?? `/v1/flows/${flow}/runs`, input),
  };
  const elsewhere = new Map([
    ...elsewhereIn(routes),
    [WEBHOOK_FLOW, '/v1/webhooks/{source}'],
    [DELIVERY_FLOW, '/v1/webhook-endpoints/{id}/test'],
  ]);
  const submitting = { ...accepting, elsewhere };
  await app.register(submitRoutes, submitting);
  await app.register(bulkSubmitRoutes, submitting);
  for (const own of routes) await app.register((scope) => own.register(scope, accepting));
  if (parts.webhooks) await app.register(webhookRoutes, { ...parts.webhooks, client, preflight, metrics });
  await app.register(webhookEndpointRoutes, parts.webhooksOut);
  await app.register(webhookDeliveryRoutes, { ...parts.webhooksOut, client });
  await app.register(callbackRoutes, { client, preflight });
  await app.register(listRoutes, { client, contracts: flows });
  await app.register(runRoutes, { client, contracts: flows });
  await app.register(evidenceRoutes, { client });
  await app.register(runEventRoutes, { client, callers, streams, stopping: drain.signal });
  await app.register(timelineRoutes, { client });
  await app.register(bulkRoutes, { operations, stopping: drain.signal });
  await app.register(operateRoutes, { client, operations, submitting });
  await app.register(flowRoutes, { client, operations, contracts: flows });
  await app.register(providerRoutes, { client, readProviders });
  await app.register(auditRoutes, { operations });
  const schedules = parts.schedules;
  if (schedules) await app.register(scheduleRoutes, { client, schedules, operations });
  await app.register(stateRoutes, { client, operations });
  await app.register(keyRoutes, { storedKeys });
  await app.register(docsRoutes, { document: openApiDocument(flows, routes, proxy.basePath) });
  addHealthRoutes(app, {
    check: async () => {
      preflight.assertAdmitted();
      await client.ping();
    },
    verbose: async (request) =>
      (await mayOperate(callers, request)) ? { redis: preflight.report } : undefined,
    draining: () => drain.draining,
    metrics,
  });
  refuseOtherMethods();
  return { app, drain };
}
