export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  /** Parsed JSON; undefined without a body. */
  readonly body: unknown;
}

/** One request, JSON out and JSON back, whatever the status. @throws when there is no answer */
export async function ask(
  url: string,
  request: {
    readonly method?: 'GET' | 'POST' | 'PUT' | 'DELETE';
    readonly headers?: Readonly<Record<string, string>>;
    readonly body?: unknown;
  } = {},
): Promise<Reply> {
  const { method = 'GET', headers = {}, body } = request;
  const response = await fetch(url, {
    method,
    headers: body === undefined ? headers : { 'content-type': 'application/json', ...headers },
    body: body === undefined ? null : JSON.stringify(body),
    signal: AbortSignal.timeout(30_000),
  });
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    body: text === '' ? undefined : JSON.parse(text),
  };
}

/** @throws Error showing the answer unless it is a 2xx */
export async function askOk(...request: Parameters<typeof ask>): Promise<Reply> {
  const reply = await ask(...request);
  if (reply.status < 300) return reply;
  const [url, { method = 'GET' } = {}] = request;
  throw new Error(`${method} ${url} answered ${reply.status}: ${JSON.stringify(reply.body)}`);
}
