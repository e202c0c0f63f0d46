import type { IncomingMessage, ServerResponse } from 'node:http';
import { readApiConfig } from '@holdfast/api/config';
import { createLogger, type Host, type Logger } from '@holdfast/app-kit';
import { type DashboardConfig, readDashboardConfig } from '@holdfast/dashboard/config';
import type { Authenticate, HoldfastConfig } from '@holdfast/project';
import type { FastifyInstance } from 'fastify';
import { environmentWith } from './environment.ts';

export interface RequestHandlerOptions {
  /** @default `HOLDFAST_REDIS_URL` */
  readonly redisUrl?: string;
  /** Whether the dashboard is served as well, with its own login (`HOLDFAST_DASHBOARD_PASSWORD`). @default false */
  readonly dashboard?: boolean;
  /** Says whom a request to the API comes from, in place of API keys. @default the config's `authenticate` */
  readonly authenticate?: Authenticate;
}

type Next = (error?: unknown) => void;

export interface RequestHandler {
  /** Answers what is for Holdfast; the rest goes to `next`, or is answered with 404 where there is none. */
  (request: IncomingMessage, response: ServerResponse, next?: Next): void;
  /** Ends event streams and waits, finishes the requests under way, at most 8 s, and releases its connections to Redis. */
  close(): Promise<void>;
}

/** The API, and the dashboard where it is asked for: each answers what it knows and passes the rest on. */
interface Served {
  readonly first: FastifyInstance;
  close(): Promise<void>;
}

/**
 * Holdfast's HTTP API for a server of your own: node:http, Express (`app.use('/hf', handler)`) or Fastify; mount it before body parsers.
 * Configured by the environment like `holdfast api`. It starts at once, and answers 503 while Redis is unreachable, or could lose runs.
 * @throws ConfigError naming every variable that does not fit
 */
export function createRequestHandler(
  config: HoldfastConfig,
  { redisUrl, dashboard = false, authenticate }: RequestHandlerOptions = {},
): RequestHandler {
  const env = environmentWith({ HOLDFAST_REDIS_URL: redisUrl });
  const api = readApiConfig(env, config.webhooks);
  const board = dashboard ? readDashboardConfig(env) : undefined;
  const accepted = authenticate ? { ...config, authenticate } : config;
  const log = createLogger('api', api.logLevel);
  const nexts = new WeakMap<
    IncomingMessage,
    { readonly response: ServerResponse; readonly next: Next | undefined }
  >();
  const passOn = (request: IncomingMessage) => {
    const next = nexts.get(request)?.next;
    next?.();
    return next !== undefined;
  };

  const serving = serve();
  serving.catch((error: unknown) => log.error({ err: error }, 'the API could not start'));
  let closing: Promise<void> | undefined;

  async function serve(): Promise<Served> {
    const shown = board && (await connectBoard(board, config, { passOn }));
    const host: Host = shown
      ? { passOn: (request) => shown.take(request, nexts.get(request)?.response) }
      : { passOn };
    // loaded here alone: whoever defines a flow imports this package too, and need not wait for a server
    const { connectApi } = await import('@holdfast/api');
    const { app, preflight, close } = await connectApi(api, accepted, log, host);
    await app.ready();
    preflight.admitted.catch((error: Error) => log.error(error.message));
    // requests wait until Redis was looked at, at most 1 s; one that is not good enough is answered for by the API
    await preflight.firstTry().catch(() => {});
    return {
      first: app,
      async close() {
        await close(0);
        await shown?.close();
      },
    };
  }

  const handler = (request: IncomingMessage, response: ServerResponse, next?: Next) => {
    nexts.set(request, { response, next });
    serving.then(
      ({ first }) => first.routing(request, response),
      (error: unknown) => {
        if (next) return next(error);
        response.writeHead(500).end();
      },
    );
  };
  return Object.assign(handler, {
    close: () => {
      closing ??= serving.then(
        (served) => served.close(),
        () => {},
      );
      return closing;
    },
  });
}

async function connectBoard(config: DashboardConfig, project: HoldfastConfig, host: Host) {
  const log: Logger = createLogger('dashboard', config.logLevel);
  const { connectDashboard } = await import('@holdfast/dashboard');
  const { app, close } = await connectDashboard(config, project, log, host);
  await app.ready();
  return {
    close,
    take(request: IncomingMessage, response: ServerResponse | undefined): boolean {
      if (!response) return false;
      app.routing(request, response);
      return true;
    },
  };
}
