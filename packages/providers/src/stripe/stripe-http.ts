import type { StepCall } from '@holdfast/engine';
import type { HttpClient, Outcome } from '@holdfast/http';
import type { z } from 'zod';

/** The API's shapes as they were read when this was written; Stripe keeps serving them. */
const STRIPE_VERSION = '2026-10-28.endive';

/** Stripe's API as the adapter speaks it: POSTs carry the call's key, lists are read to their end. */
export class StripeHttp {
  readonly #http: HttpClient;

  constructor(http: HttpClient) {
    this.#http = http;
  }

  post<T>(path: string, form: Record<string, string>, call: StepCall, schema: z.ZodType<T>) {
    return this.#post(path, form, call, schema, { idempotencyKey: call.idempotencyKey });
  }

  /** Without a key: for what is the same however often it is done. */
  postUnkeyed<T>(path: string, call: StepCall, schema: z.ZodType<T>) {
    return this.#post(path, {}, call, schema);
  }

  #post<T>(
    path: string,
    form: Record<string, string>,
    call: StepCall,
    schema: z.ZodType<T>,
    key: { readonly idempotencyKey?: string } = {},
  ) {
    return this.#http.request({
      method: 'POST',
      path,
      endpoint: endpointOf('POST', path),
      headers: VERSION,
      body: { form },
      ...key,
      signal: call.signal,
      origin: call,
      schema,
    });
  }

  get<T>(path: string, query: Record<string, string>, call: StepCall, schema: z.ZodType<T>) {
    return this.#http.request({
      method: 'GET',
      path,
      endpoint: endpointOf('GET', path),
      query,
      headers: VERSION,
      signal: call.signal,
      origin: call,
      schema,
    });
  }

  /** @returns all that `keep` lets through, with whether the list was read to its end */
  async list<T extends { readonly id: string }>(
    path: string,
    query: Record<string, string>,
    call: StepCall,
    page: z.ZodType<Page<T>>,
    keep: (item: T) => boolean,
  ): Promise<Listing<T>> {
    const items: T[] = [];
    let after: Record<string, string> = {};
    for (let pages = 0; pages < MAX_PAGES; pages += 1) {
      const outcome = await this.get(path, { ...query, limit: '100', ...after }, call, page);
      if (outcome.kind !== 'ok') return { read: 'failed', trouble: outcome };
      const { data, has_more } = outcome.value;
      items.push(...data.filter(keep));
      if (has_more === false) return { read: 'whole', items };
      const last = data.at(-1);
      if (has_more === undefined || !last) break;
      after = { starting_after: last.id };
    }
    return { read: 'in_part', items };
  }

  close(): Promise<void> {
    return this.#http.close();
  }
}

const VERSION = { 'stripe-version': STRIPE_VERSION };

/** As in `post-payment_intents`, `get-refunds-one` or `post-payment_intents-one-cancel`: Stripe limits some endpoints by themselves. */
function endpointOf(method: 'GET' | 'POST', path: string): string {
  const [, , kind = '', id, what] = path.split('/');
  return [method.toLowerCase(), kind, ...(id === undefined ? [] : ['one']), ...(what ? [what] : [])].join(
    '-',
  );
}

/** 2,000 objects: what a busy account takes in some minutes, read well within a step's time. */
const MAX_PAGES = 20;

interface Page<T> {
  readonly data: readonly T[];
  readonly has_more?: boolean | undefined;
}

export type Listing<T> =
  | { readonly read: 'whole'; readonly items: readonly T[] }
  | { readonly read: 'in_part'; readonly items: readonly T[] }
  | { readonly read: 'failed'; readonly trouble: Exclude<Outcome<never>, { kind: 'ok' }> };
