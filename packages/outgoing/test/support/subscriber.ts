import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { Webhook } from 'standardwebhooks';

export interface Received {
  readonly id: string;
  readonly headers: IncomingHttpHeaders;
  /** The bytes. */
  readonly raw: string;
  readonly body: {
    readonly type: string;
    readonly timestamp: string;
    readonly data: Record<string, unknown>;
  };
  readonly at: number;
}

export type Behaviour = (received: Received, nth: number, response: ServerResponse) => void;

export interface Subscriber {
  readonly url: string;
  readonly received: Received[];
  /** What it answers from now on. Default: 204. */
  behave(how: Behaviour): void;
  /** Those whose signature does not verify, with any of these secrets. */
  unverified(...secrets: readonly string[]): Received[];
  close(): Promise<void>;
}

export const answering =
  (status: number, headers: Readonly<Record<string, string>> = {}, body = ''): Behaviour =>
  (_received, _nth, response) => {
    response.writeHead(status, headers).end(body);
  };
export const hanging: Behaviour = () => {};

/** Somebody who listens on loopback and remembers all that came. */
export async function startSubscriber(): Promise<Subscriber> {
  const received: Received[] = [];
  let behaviour = answering(204);
  const server = createServer(async (request, response) => {
    const raw = (await buffer(request)).toString('utf8');
    const id = String(request.headers['webhook-id']);
    const one = {
      id,
      headers: request.headers,
      raw,
      body: JSON.parse(raw),
      at: Date.now(),
    } satisfies Received;
    received.push(one);
    behaviour(one, received.length, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/in`,
    received,
    behave: (how) => {
      behaviour = how;
    },
    unverified: (...secrets) => received.filter((one) => !secrets.some((secret) => verifies(secret, one))),
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** As a subscriber does it, with the package of the specification. */
function verifies(secret: string, { raw, headers }: Received): boolean {
  try {
    new Webhook(secret).verify(raw, headers as Record<string, string>);
    return true;
  } catch {
    return false;
  }
}
