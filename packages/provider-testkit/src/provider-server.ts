import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';

/** An answer of the provider, as it would be on the wire. */
export interface ServedAnswer {
  readonly status: number;
  /** Sent as JSON. */
  readonly json?: unknown;
  /** Sent as it is. Default: no body. */
  readonly text?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface ServedRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** What becomes of a request once all of it has arrived. */
export type Reaction = (response: ServerResponse, request: ServedRequest) => void;

export interface ProviderServer {
  readonly url: string;
  readonly received: readonly ServedRequest[];
  close(): Promise<void>;
}

/** Where the server gives access tokens. */
export const TOKEN_PATH = '/conformance/token';

/** A provider on a free loopback port that reacts to each request the same way, and gives access tokens. */
export async function startProviderServer(react: Reaction, accessToken: string): Promise<ProviderServer> {
  const received: ServedRequest[] = [];
  const server = createServer(async (message, response) => {
    const { method = '', url: path = '', headers } = message;
    const request = { method, path, headers, body: await text(message) };
    if (path === TOKEN_PATH) {
      const token = { access_token: accessToken, token_type: 'bearer', expires_in: 3600 };
      answerWith({ status: 200, json: token })(response, request);
      return;
    }
    received.push(request);
    react(response, request);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server has no TCP address');
  return {
    url: `http://127.0.0.1:${address.port}`,
    received,
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

export function answerWith({ status, json, text: plain, headers }: ServedAnswer): Reaction {
  const type = json === undefined ? {} : { 'content-type': 'application/json' };
  return (response) =>
    response
      .writeHead(status, { ...type, ...headers })
      .end(json === undefined ? plain : JSON.stringify(json));
}
