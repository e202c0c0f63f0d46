import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Call {
  readonly operation: string;
  readonly key: string;
  readonly pid: number;
}

/** What the outside does with a call: `answer` does the effect (once per key) and replies. */
export type Reaction = (call: Call, answer: Answer) => void;

export interface Answer {
  effect(): void;
  /** @param more members of the answer */
  reply(more?: object): void;
  drop(): void;
}

/** An outside service that honours keys for `pay` and `tell`, and not for `send`, whose effects `find` can look up. */
export interface Outside {
  readonly url: string;
  /** Every effect that happened, as `operation key`. */
  readonly effects: string[];
  readonly calls: Call[];
  /** What happens to the next call of an operation. */
  next(operation: string, reaction: Reaction): void;
  /** What happens to every call that matches. */
  every(matches: (call: Call) => boolean, reaction: Reaction): void;
  close(): Promise<void>;
}

export async function startOutside(): Promise<Outside> {
  const effects: string[] = [];
  const calls: Call[] = [];
  const reactions = new Map<string, Reaction>();
  let standing: { matches: (call: Call) => boolean; reaction: Reaction } | undefined;
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://outside');
    const operation = url.pathname.slice(1);
    const key = url.searchParams.get('key') ?? '';
    const call = { operation, key, pid: Number(url.searchParams.get('pid')) };
    calls.push(call);
    if (operation === 'find') return reply(response, { sent: effects.includes(`send ${key}`) });
    const answer = {
      effect() {
        const effect = `${operation} ${key}`;
        if (operation === 'send' || !effects.includes(effect)) effects.push(effect);
      },
      reply: (more: object = {}) => reply(response, { [operation]: true, ...more }),
      drop: () => void response.destroy(),
    };
    const reaction = reactions.get(operation);
    reactions.delete(operation);
    if (reaction) return reaction(call, answer);
    if (standing?.matches(call)) return standing.reaction(call, answer);
    answer.effect();
    answer.reply();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    effects,
    calls,
    next: (operation, reaction) => void reactions.set(operation, reaction),
    every(matches, reaction) {
      standing = { matches, reaction };
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

function reply(response: ServerResponse, body: object): void {
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify(body));
}
