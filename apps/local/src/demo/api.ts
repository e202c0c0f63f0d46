import { z } from 'zod';
import type { Processes } from '../processes.ts';
import { ask, type Reply } from './http.ts';
import { waitUntil } from './wait-until.ts';

const Run = z.object({
  id: z.string(),
  status: z.string(),
  error: z.object({ code: z.string(), message: z.string(), step: z.string().optional() }).optional(),
  steps: z.array(z.object({ name: z.string(), status: z.string(), attempts: z.number() })),
});
export type Run = z.infer<typeof Run>;

/** Orders over HTTP, as any client places them. */
export class Api {
  readonly #url: string;
  readonly #key: string;
  readonly #signal: AbortSignal;

  constructor({ api, apiKey }: Processes, signal: AbortSignal) {
    this.#url = api.url;
    this.#key = apiKey;
    this.#signal = signal;
  }

  /** @param waitS how long the answer may wait for the end of the run; 0: the answer is only that it is accepted */
  place(order: unknown, idempotencyKey: string, waitS = 0): Promise<Reply<Run>> {
    return ask(`${this.#url}/v1/orders`, Run, {
      method: 'POST',
      headers: {
        ...this.#login(),
        'idempotency-key': idempotencyKey,
        ...(waitS > 0 && { prefer: `wait=${waitS}` }),
      },
      body: order,
      signal: this.#signal,
    });
  }

  async run(id: string): Promise<Run> {
    return (await ask(`${this.#url}/v1/runs/${id}`, Run, { headers: this.#login(), signal: this.#signal }))
      .body;
  }

  async runIs(id: string, status: string, timeoutMs: number): Promise<Run> {
    let last = '';
    const reached = async () => {
      const run = await this.run(id);
      last = run.status;
      return run.status === status ? run : undefined;
    };
    const what = `the run to be ${status}`;
    try {
      return await waitUntil(reached, { what, timeoutMs, signal: this.#signal });
    } catch (error) {
      this.#signal.throwIfAborted();
      throw new Error(`${error instanceof Error ? error.message : error}; it is ${last}`, { cause: error });
    }
  }

  #login() {
    return { authorization: `Bearer ${this.#key}` };
  }
}
