import http from 'node:http';
import { KEY } from './test-api.ts';

export interface SeenEvent {
  readonly name: string;
  readonly id: string;
  readonly run: { readonly id: string; readonly status: string };
}

export interface EventSource {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  /** What has come so far. */
  readonly events: readonly SeenEvent[];
  /** Resolves once the server has ended the stream in good order; rejects when it was cut off. */
  readonly ended: Promise<void>;
  /** Goes away without a word. */
  kill(): void;
}

/** Opens a stream of events over a connection of its own. */
export function openEvents(
  url: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<EventSource> {
  return new Promise((resolve, reject) => {
    const request = http.request(
      url,
      { agent: false, headers: { authorization: `Bearer ${KEY}`, ...headers } },
      (response) => {
        const events: SeenEvent[] = [];
        let rest = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          const blocks = (rest + chunk).split('\n\n');
          rest = blocks.pop() ?? '';
          events.push(...blocks.flatMap(parse));
        });
        const ended = new Promise<void>((end, cutOff) => {
          response.on('end', end);
          response.on('error', cutOff);
        });
        ended.catch(() => {});
        resolve({
          ...{ status: response.statusCode ?? 0, headers: response.headers, events, ended },
          kill: () => request.destroy(),
        });
      },
    );
    request.on('error', reject);
    request.end();
  });
}

function parse(block: string): SeenEvent[] {
  const fields = new Map(
    block.split('\n').map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]),
  );
  const data = fields.get('data');
  if (data === undefined) return [];
  return [{ name: fields.get('event') ?? '', id: fields.get('id') ?? '', run: JSON.parse(data) }];
}
