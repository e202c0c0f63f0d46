import type { IncomingMessage } from 'node:http';
import type { FastifyInstance } from 'fastify';

/** The server that an app is part of, where it does not listen by itself. */
export interface Host {
  /** Gives a request that is not for the app back to the server. @returns false when the server takes none back */
  passOn(request: IncomingMessage): boolean;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Whether somebody else answers it. */
    passedOn: boolean;
  }
}

/**
 * Call before hooks and routes are added: what is not for the app must go back untouched, and a body that somebody else has read never
 * comes.
 * @param host absent: the app has a server of its own
 * @param bodyTaken the error for a body that has been read
 */
export function addHost(
  app: FastifyInstance,
  host: Host | undefined,
  bodyTaken: (message: string) => Error,
): void {
  app.decorateRequest('passedOn', false);
  if (!host) return;
  app.addHook('onRequest', async (request, reply) => {
    if (request.is404 && host.passOn(request.raw)) {
      request.passedOn = true;
      reply.hijack();
    } else if (request.raw.readableDidRead && hasBody(request.raw)) {
      throw bodyTaken(
        'The server around Holdfast has read the body of this request. Mount the handler of Holdfast before its body parser.',
      );
    }
  });
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

/** What servers that mount others below a path leave on a request. */
interface Mounted {
  readonly originalUrl?: unknown;
}

/**
 * The path below which the client reaches the app, without a slash at its end, as in `/hf`; empty at the root.
 * @param basePath as configured; where that is empty, the path below which the server around the app has mounted it
 */
export function basePathOf(request: IncomingMessage, basePath: string): string {
  return basePath || mountOf(request);
}

function mountOf(request: IncomingMessage): string {
  const { originalUrl } = request as IncomingMessage & Mounted;
  const url = request.url ?? '/';
  if (typeof originalUrl !== 'string' || !originalUrl.endsWith(url)) return '';
  return originalUrl.slice(0, -url.length);
}
