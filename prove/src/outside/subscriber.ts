import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { Processes } from '@holdfast/local';
import { z } from 'zod';
import { askOk } from './http.ts';

/** What a subscriber was told of a run, and has taken. */
export interface Heard {
  /** The `webhook-id`. */
  readonly id: string;
  readonly type: string;
  readonly runId: string;
  readonly generation: number;
}

/** Somebody who listens for the ends of runs, and now and then is not able to take what comes. */
export interface Subscriber {
  readonly heard: readonly Heard[];
  /** Creates its endpoint. */
  subscribe(processes: Pick<Processes, 'api' | 'apiKey'>): Promise<void>;
  close(): Promise<void>;
}

const Event = z.object({
  type: z.string(),
  data: z.object({ run: z.object({ id: z.string(), generation: z.int() }) }),
});
/** Of so many that come for the first time one is refused, or not answered at all; the next try is soon enough for the proof. */
const REFUSES_EACH = 7;
const DROPS_EACH = 11;

export async function startSubscriber(): Promise<Subscriber> {
  const heard: Heard[] = [];
  const known = new Set<string>();
  const server = createServer(async (request, response) => {
    const id = String(request.headers['webhook-id']);
    const isNew = !known.has(id);
    known.add(id);
    const body = await text(request).catch(() => undefined);
    if (body === undefined || (isNew && known.size % DROPS_EACH === 0)) return void response.destroy();
    if (isNew && known.size % REFUSES_EACH === 0) return void response.writeHead(503).end();
    const { type, data } = Event.parse(JSON.parse(body));
    const { id: runId, generation } = data.run;
    heard.push({ id, type, runId, generation });
    response.writeHead(204).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    heard,
    async subscribe({ api, apiKey }) {
      await askOk(`${api.url}/v1/webhook-endpoints`, {
        method: 'POST',
        headers: { authorization: `Bearer ${apiKey}` },
        body: { url: `http://127.0.0.1:${port}/`, events: ['run.*'] },
      });
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
