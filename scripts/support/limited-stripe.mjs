// As much of Stripe as a charge needs: so many requests in any second, a 429 with Retry-After for the others, a reset while it is down.
import { once } from 'node:events';
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';

/** @param {{ perSecond: number, retryAfterS: number }} limit */
export async function limitedStripe({ perSecond, retryAfterS }) {
  const arrivals = [];
  const charges = new Map();
  let served = [];
  let down = false;
  const server = createServer(async (request, response) => {
    const atMs = Date.now();
    const key = String(request.headers['idempotency-key'] ?? request.url);
    if (down) {
      arrivals.push({ atMs, key, status: 0 });
      request.socket.resetAndDestroy();
      return;
    }
    const form = new URLSearchParams(await text(request));
    served = served.filter((at) => at > atMs - 1_000);
    const status = served.length < perSecond ? 200 : 429;
    arrivals.push({ atMs, key, status });
    if (status === 429) {
      response.writeHead(429, { 'content-type': 'application/json', 'retry-after': String(retryAfterS) });
      response.end(JSON.stringify({ error: { type: 'invalid_request_error', code: 'rate_limit' } }));
      return;
    }
    served.push(atMs);
    if (!charges.has(key)) {
      const id = `pi_${charges.size + 1}`;
      charges.set(key, { id, status: 'succeeded', amount: Number(form.get('amount')) });
    }
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(charges.get(key)));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    /** `status` 0: it was down. Unix milliseconds. */
    arrivals,
    charges,
    goDown: () => {
      down = true;
    },
    comeBack: () => {
      down = false;
    },
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}
