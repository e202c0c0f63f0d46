import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import type { Standing } from './records.ts';

/** A call that has an effect, as it passed on its way from a worker to its provider. Times are Unix milliseconds. */
export interface ProviderCall {
  readonly operation: string;
  /** As it was sent; null without one. */
  readonly key: string | null;
  readonly body: string;
  readonly at: number;
  /** What the journal said about the run when the call was made; undefined when it knew of no such run. */
  readonly seen: Standing | undefined;
  ending:
    | { readonly kind: 'open' }
    | {
        readonly kind: 'answered';
        readonly at: number;
        readonly status: number;
        readonly retryAfterMs: number | undefined;
      }
    /** The connection broke, on either side. */
    | { readonly kind: 'lost'; readonly at: number };
}

/** Stands between the workers and the HTTP providers, changes nothing, and writes down every call that has an effect. */
export interface Witness {
  /** The providers' prefixes are below it, as below the sandbox's. */
  readonly url: string;
  readonly calls: readonly ProviderCall[];
  close(): Promise<void>;
}

const EFFECTS = [
  { method: 'POST', path: /^\/payment\/v1\/payment_intents$/, operation: 'charge' },
  { method: 'POST', path: /^\/payment\/v1\/refunds$/, operation: 'refund' },
  { method: 'PUT', path: /^\/inventory\/reservations\/[^/]+$/, operation: 'reserve' },
  { method: 'DELETE', path: /^\/inventory\/reservations\/[^/]+$/, operation: 'release' },
  { method: 'POST', path: /^\/shipping\/labels$/, operation: 'label' },
  { method: 'POST', path: /^\/shipping\/labels\/[^/]+\/void$/, operation: 'void' },
] as const;

export async function startWitness(parts: {
  readonly sandboxUrl: () => string;
  /** Asked before the call goes on, so that what it tells cannot be the call's own doing. */
  readonly standingOf: (key: string | null) => Promise<Standing | undefined>;
}): Promise<Witness> {
  const calls: ProviderCall[] = [];

  const pass = async (from: IncomingMessage, to: ServerResponse) => {
    const body = await buffer(from);
    const operation = EFFECTS.find(
      ({ method, path }) => method === from.method && path.test(from.url ?? ''),
    )?.operation;
    if (!operation) return forward(from, body, to, parts.sandboxUrl());
    const at = Date.now();
    const key = from.headers['idempotency-key']?.toString() ?? null;
    const seen = await parts.standingOf(key);
    const call: ProviderCall = {
      ...{ operation, key, body: body.toString(), at, seen },
      ending: { kind: 'open' },
    };
    calls.push(call);
    call.ending = await forward(from, body, to, parts.sandboxUrl());
  };

  const server = createServer((from, to) => {
    pass(from, to).catch(() => to.destroy()); // its caller went away
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** A connection of its own for each call: what breaks is that call's, and breaks on both sides. */
function forward(
  from: IncomingMessage,
  body: Buffer,
  to: ServerResponse,
  sandboxUrl: string,
): Promise<ProviderCall['ending']> {
  return new Promise((resolve) => {
    const lost = () => resolve({ kind: 'lost', at: Date.now() });
    if (to.destroyed) return lost();
    const onward = request(`${sandboxUrl}${from.url}`, {
      method: from.method,
      headers: from.headers,
      agent: false,
    });
    to.on('close', () => {
      if (!to.writableFinished) onward.destroy();
      lost();
    });
    onward.on('error', () => {
      lost();
      to.socket?.resetAndDestroy();
    });
    onward.on('response', (answer) => {
      const status = answer.statusCode ?? 0;
      const seconds = Number(answer.headers['retry-after'] ?? Number.NaN);
      const retryAfterMs = Number.isNaN(seconds) ? undefined : seconds * 1000;
      to.writeHead(status, answer.rawHeaders);
      to.on('finish', () => resolve({ kind: 'answered', at: Date.now(), status, retryAfterMs }));
      answer.on('error', () => to.socket?.resetAndDestroy());
      answer.pipe(to);
    });
    onward.end(body);
  });
}
