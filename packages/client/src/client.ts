import createFetchClient, { type Client } from 'openapi-fetch';
import type { operations, paths } from './api-types.ts';
import { milliseconds } from './duration.ts';
import { followRun } from './events.ts';
import type { FlowName, InputOf, OutputOf, Run, TypedConfig } from './flow-types.ts';
import { errorOf, HoldfastError } from './holdfast-error.ts';
import { type Repeatable, withRetries } from './retry.ts';
import { isSettled, settled } from './settled.ts';

export interface HoldfastClientOptions {
  /** Where the API is, such as `https://holdfast.example.com`. */
  readonly url: string;
  /** `hf_…` */
  readonly apiKey: string;
  /**
   * How often a call is repeated after a network failure, 503 or 429, with backoff or as `Retry-After` says. An answer that asks for
   * more than 30 s is not waited for. @default 4
   */
  readonly retries?: number;
  /** @default the global `fetch` */
  readonly fetch?: (request: Request) => Promise<Response>;
}

type ListQuery = NonNullable<operations['listRuns']['parameters']['query']>;

export type ListRuns = Omit<ListQuery, 'limit'> & {
  /** Runs in one page; every page is fetched, as far as the loop goes. */
  readonly limit?: number;
};

export interface SubmitOptions {
  /** 1 to 255 visible ASCII characters. */
  readonly idempotencyKey?: string;
  readonly tags?: Readonly<Record<string, string>>;
  /** A date, its ISO 8601 form, or Unix milliseconds. */
  readonly startAt?: Date | string | number;
  /** 0 to 9, the most urgent. @default 0 */
  readonly priority?: number;
}

/** What openapi-fetch answers with. */
interface Answer<T> {
  readonly data?: T | undefined;
  readonly error?: unknown;
  readonly response: Response;
}

const REQUEST_TIMEOUT_MS = 30_000;

/**
 * Speaks to the HTTP API. Every method throws {@link HoldfastError}.
 * @example const client = new HoldfastClient<typeof config>({ url: 'http://127.0.0.1:3000', apiKey });
 */
export class HoldfastClient<C extends TypedConfig = TypedConfig> {
  readonly #api: Client<paths>;
  readonly #retries: number;

  constructor({ url, apiKey, retries = 4, fetch }: HoldfastClientOptions) {
    this.#api = createFetchClient<paths>({
      baseUrl: url.replace(/\/+$/, ''),
      headers: { authorization: `Bearer ${apiKey}` },
      ...(fetch && { fetch }),
    });
    this.#retries = retries;
  }

  /**
   * Has a flow run. The same key with the same input is the same run.
   * @param options.idempotencyKey absent: one is made, and kept over this call's own retries
   * @param options.tags what to find it by, with `list({ tag: 'customer:cus_1' })`; at most 10
   * @param options.priority which of your runs go first while more wait than workers can take
   * @param options.startAt when it is to start; until then it is suspended
   * @returns the run as it stands; it has been stored
   */
  submit<N extends FlowName<C>>(
    flow: N,
    input: InputOf<C, N>,
    { idempotencyKey = crypto.randomUUID(), tags, startAt, priority }: SubmitOptions = {},
  ): Promise<Run<OutputOf<C, N>>> {
    const header = {
      'Idempotency-Key': idempotencyKey,
      ...(tags && { 'Holdfast-Tags': tagsHeader(tags) }),
      ...(priority !== undefined && { 'Holdfast-Priority': priority }),
      ...(startAt !== undefined && { 'Holdfast-Start-At': new Date(startAt).toISOString() }),
    };
    return this.#run('always', (signal) =>
      this.#api.POST('/v1/flows/{flow}/runs', {
        params: { path: { flow }, header },
        body: input,
        signal,
      }),
    );
  }

  get(id: string): Promise<Run> {
    return this.#run('always', (signal) =>
      this.#api.GET('/v1/runs/{id}', { params: { path: { id } }, signal }),
    );
  }

  /**
   * Waits until a run is completed, failed, cancelled or dead; its events tell, as soon as it is. A run that failed is returned like one that completed.
   * @param options.timeout such as `'30s'`, or milliseconds; default: none
   * @throws HoldfastError `wait_timeout`
   */
  async wait<O = unknown>(
    run: Run<O> | string,
    { timeout }: { readonly timeout?: string | number } = {},
  ): Promise<Run<O>> {
    const id = typeof run === 'string' ? run : run.id;
    const late = timeout === undefined ? undefined : AbortSignal.timeout(milliseconds(timeout));
    const source = {
      get: () => this.get(id),
      events: (signal: AbortSignal) => this.events(id, { signal }),
    };
    const seen = await settled(source, late);
    if (isSettled(seen)) return seen as Run<O>; // the same run, so its flow's output
    throw new HoldfastError({
      status: 0,
      code: 'wait_timeout',
      message: `The run ${id} is still ${seen.status} after ${timeout}${typeof timeout === 'number' ? ' ms' : ''}. It goes on; wait again or follow its events.`,
    });
  }

  cancel(id: string): Promise<Run> {
    return this.#run('always', (signal) =>
      this.#api.POST('/v1/runs/{id}/cancel', { params: { path: { id } }, signal }),
    );
  }

  /**
   * Starts a run that has ended afresh, as its next generation. Repeated only after a 429: a reply that was lost may have been a yes,
   * and a second rerun would do the work twice.
   */
  rerun(id: string): Promise<Run> {
    return this.#run('when_refused', (signal) =>
      this.#api.POST('/v1/runs/{id}/rerun', { params: { path: { id } }, signal }),
    );
  }

  /**
   * Sends a signal to a run. The same id again changes nothing.
   * @param options.id absent: one is made, and kept over this call's own retries
   */
  signal(
    runId: string,
    name: string,
    payload: unknown,
    { id = crypto.randomUUID() }: { readonly id?: string } = {},
  ): Promise<Run> {
    return this.#run('always', (signal) =>
      this.#api.POST('/v1/runs/{id}/signals/{name}', {
        params: { path: { id: runId, name } },
        body: { id, payload },
        signal,
      }),
    );
  }

  /** Every run that fits, the newest first; pages are fetched as they are needed. */
  async *list({ limit, ...given }: ListRuns = {}): AsyncGenerator<Run, void, undefined> {
    const query = { ...given, ...(limit !== undefined && { limit: String(limit) }) };
    let cursor = query.cursor;
    do {
      const page = await this.#call('always', (signal) =>
        this.#api.GET('/v1/runs', {
          params: { query: { ...query, ...(cursor !== undefined && { cursor }) } },
          signal,
        }),
      );
      yield* page.data;
      cursor = page.nextCursor;
    } while (cursor !== undefined);
  }

  /**
   * The run as it stands and whenever that changes, until it is completed, failed or cancelled. Goes on by itself where a connection
   * broke off. A dead run is followed on, because a person may redrive it: leave the loop, or abort.
   */
  events(
    id: string,
    { signal }: { readonly signal?: AbortSignal } = {},
  ): AsyncGenerator<Run, void, undefined> {
    return followRun(
      async (lastEventId, ended) => {
        const { data, error, response } = await answered(
          this.#api.GET('/v1/runs/{id}/events', {
            params: {
              path: { id },
              ...(lastEventId !== undefined && { header: { 'Last-Event-ID': lastEventId } }),
            },
            parseAs: 'stream',
            signal: ended,
          }),
        );
        if (!response.ok) throw errorOf(response, error);
        return response.status === 204 ? undefined : (data ?? undefined);
      },
      this.#retries,
      signal,
    );
  }

  /** @param repeatable what the call may be repeated after */
  #run<O>(repeatable: Repeatable, send: (signal: AbortSignal) => Promise<Answer<Run>>): Promise<Run<O>> {
    return this.#call(repeatable, send) as Promise<Run<O>>; // checked by the flow's schema before it completes
  }

  #call<T>(repeatable: Repeatable, send: (signal: AbortSignal) => Promise<Answer<T>>): Promise<T> {
    return withRetries(
      async () => {
        const { data, error, response } = await answered(send(AbortSignal.timeout(REQUEST_TIMEOUT_MS)));
        if (!response.ok || data === undefined) throw errorOf(response, error);
        return data;
      },
      { retries: this.#retries, repeatable },
    );
  }
}

function tagsHeader(tags: Readonly<Record<string, string>>): string {
  return Object.entries(tags)
    .map(([name, value]) => `${name}=${value}`)
    .join(', ');
}

async function answered<T>(sent: Promise<Answer<T>>): Promise<Answer<T>> {
  try {
    return await sent;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new HoldfastError({
      status: 0,
      code: 'network_failed',
      message: `The API gave no answer: ${why}. Check that \`url\` is its address and that it runs.`,
      cause: error,
    });
  }
}
