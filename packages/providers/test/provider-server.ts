import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { onTestFinished } from 'vitest';

export interface Received {
  /** As in `POST /v1/refunds`. */
  readonly line: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export type Answer = (response: ServerResponse, request: Received) => void;

/**
 * A small provider, written anew here so that the adapters are not only tested against the sandbox.
 * Each request takes the next answer; the last one stays.
 */
export async function provider(
  ...answers: readonly Answer[]
): Promise<{ url: string; received: Received[] }> {
  const received: Received[] = [];
  const server = createServer(async (message, response) => {
    const request = {
      line: `${message.method} ${message.url}`,
      headers: message.headers,
      body: await text(message),
    };
    const answer = answers[Math.min(received.push(request), answers.length) - 1];
    answer?.(response, request);
  });
  onTestFinished(async () => {
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no TCP address');
  return { url: `http://127.0.0.1:${address.port}/prefix`, received };
}

export function json(status: number, body: unknown, headers: Record<string, string> = {}): Answer {
  return (response) =>
    response
      .writeHead(status, { 'content-type': 'application/json; charset=utf-8', ...headers })
      .end(JSON.stringify(body));
}

export function reset(): Answer {
  return (response) => response.socket?.resetAndDestroy();
}
