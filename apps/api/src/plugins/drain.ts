import { once } from 'node:events';
import type { FastifyInstance } from 'fastify';

/** Lets a server that is stopping finish what it has begun, and say meanwhile that it takes no more. */
export interface Drain {
  readonly draining: boolean;
  /** From now on the process says that it is not ready, so that balancers send no more; what they send all the same is served. */
  announce(): void;
  /** Aborted when draining starts: whoever waits for something stops waiting. */
  readonly signal: AbortSignal;
  /** Resolves when no request is in flight, or after `atMostMs`. */
  start(atMostMs: number): Promise<void>;
}

/** Counts the requests in flight, those to the health routes apart. */
export function addDrain(app: FastifyInstance): Drain {
  const stopping = new AbortController();
  const idle = new EventTarget();
  let inFlight = 0;
  let announced = false;

  app.addHook('onRequest', async (request, reply) => {
    if (stopping.signal.aborted) reply.header('connection', 'close');
    if (HEALTH.has(request.routeOptions.url ?? '')) return;
    inFlight += 1;
    // `close` comes once for every response, finished or cut off.
    reply.raw.once('close', () => {
      inFlight -= 1;
      if (inFlight === 0) idle.dispatchEvent(new Event('idle'));
    });
  });

  return {
    get draining() {
      return announced || stopping.signal.aborted;
    },
    announce: () => {
      announced = true;
    },
    signal: stopping.signal,
    start: async (atMostMs) => {
      stopping.abort();
      if (inFlight === 0) return;
      await once(idle, 'idle', { signal: AbortSignal.timeout(atMostMs) }).catch(() => {
        app.log.warn({ inFlight }, 'stopping while requests are in flight');
      });
    },
  };
}

const HEALTH = new Set(['/livez', '/readyz', '/metrics']);
