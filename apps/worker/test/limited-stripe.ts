import { once } from 'node:events';
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import { onTestFinished } from 'vitest';

/** A request as it arrived. */
export interface Arrival {
  /** Milliseconds, of `performance.now`. */
  readonly atMs: number;
  readonly key: string;
  readonly status: 200 | 429 | 503;
}

/**
 * As much of Stripe as a charge needs, written anew: so many requests in any second are served, the others get a 429 and are to come
 * back after `retryAfterS`. While it is `down`, every request is reset.
 */
export async function limitedStripe(limit: { readonly perSecond: number; readonly retryAfterS: number }) {
  const arrivals: Arrival[] = [];
  const charges = new Map<string, object>();
  let served: number[] = [];
  const state = { down: false };
  const inVain: number[] = [];

  const server = createServer(async (request, response) => {
    const atMs = performance.now();
    if (state.down) {
      inVain.push(atMs);
      request.socket.resetAndDestroy();
      return;
    }
    const key = String(request.headers['idempotency-key'] ?? request.url);
    const form = new URLSearchParams(await text(request));
    served = served.filter((at) => at > atMs - 1_000);
    if (served.length >= limit.perSecond) {
      arrivals.push({ atMs, key, status: 429 });
      response.writeHead(429, {
        'content-type': 'application/json',
        'retry-after': String(limit.retryAfterS),
      });
      response.end(JSON.stringify({ error: { type: 'invalid_request_error', code: 'rate_limit' } }));
      return;
    }
    served.push(atMs);
    arrivals.push({ atMs, key, status: 200 });
    const charge = charges.get(key) ?? {
      id: `pi_${charges.size + 1}`,
      object: 'payment_intent',
      status: 'succeeded',
      amount: Number(form.get('amount')),
      metadata: { run: form.get('metadata[run]') },
    };
    charges.set(key, charge);
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(charge));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no TCP address');
  return {
    url: `http://127.0.0.1:${address.port}`,
    arrivals,
    charges,
    /** When requests came in vain. */
    inVain,
    goDown: () => {
      state.down = true;
    },
    comeBack: () => {
      state.down = false;
    },
  };
}
