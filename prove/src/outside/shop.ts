import { setTimeout as delay } from 'node:timers/promises';
import type { Processes } from '@holdfast/local';
import { waitFor } from '@holdfast/testkit';
import { z } from 'zod';
import { ask, askOk, type Reply } from './http.ts';
import { amountOf, type Order } from './orders.ts';
import { RunRecord } from './records.ts';

export type Answer =
  | {
      readonly kind: 'accepted';
      readonly status: number;
      readonly replayed: boolean;
      readonly run: RunRecord;
    }
  | { readonly kind: 'refused'; readonly status: number; readonly code: string }
  /** No answer, or one that does not tell whether the order was taken. */
  | { readonly kind: 'unknown'; readonly reason: string; readonly retryAfterMs: number };

/** What a client knows of one request of its own. */
export interface Asked {
  readonly key: string;
  /** The body, as it was sent. */
  readonly order: object;
  /** What it comes to, in minor units. */
  readonly amount: number;
  readonly answer: Answer;
}

/** What a person did about a run, and when it was answered. */
export interface Act {
  readonly kind: 'cancel' | 'redrive' | 'resolve' | 'rerun' | 'signal';
  readonly runId: string;
  readonly at: number;
  /** Of the answer; undefined when there was none. */
  readonly status: number | undefined;
  /** Of the run when the person had looked at it, or of the answer. */
  readonly generation: number | undefined;
}

/** A request that makes a run. */
export interface Wish {
  readonly path: string;
  readonly body: object;
  /** What it comes to, in minor units. */
  readonly amount: number;
  readonly key: string;
}

const Refusal = z.object({ code: z.string() });

/** The clients: they place orders, and remember what they were answered. */
export class Shop {
  readonly log: Asked[] = [];
  readonly acts: Act[] = [];
  /** Acknowledged runs by id, each as the last acknowledgement told it. */
  readonly runs = new Map<string, RunRecord>();
  readonly #processes: () => Pick<Processes, 'api' | 'apiKey'>;

  constructor(processes: () => Pick<Processes, 'api' | 'apiKey'>) {
    this.#processes = processes;
  }

  /** Sends an order once. @param waitS how long the answer may wait for the end of the run */
  place(order: Order, key: string, waitS?: number): Promise<Answer> {
    return this.send({ path: '/v1/orders', body: order, amount: amountOf(order), key }, waitS);
  }

  /** Sends any request that makes a run, once. */
  async send(wish: Wish, waitS?: number): Promise<Answer> {
    const { key, body: order, amount } = wish;
    const answer = await this.#post(wish, waitS).then(readAnswer, lost);
    this.log.push({ key, order, amount, answer });
    if (answer.kind === 'accepted') this.runs.set(answer.run.id, answer.run);
    return answer;
  }

  /** Does something about a run, once. @param path below `/v1` */
  async act(
    kind: Act['kind'],
    { id: runId, generation }: Pick<RunRecord, 'id' | 'generation'>,
    path: string,
    body?: object,
  ): Promise<Act> {
    const url = `${this.#url()}/v1/${path}`;
    const request = { method: 'POST' as const, headers: this.#login(), ...(body && { body }) };
    const reply = await ask(url, request).catch(() => undefined);
    const told = RunRecord.safeParse(reply?.body).data;
    const act = {
      ...{ kind, runId, at: Date.now(), status: reply?.status },
      generation: told?.generation ?? generation,
    };
    this.acts.push(act);
    return act;
  }

  /** Sends an order again, with the same key, until it is known to be accepted. @returns its run */
  async placeSurely(order: Order, key: string, timeoutMs = 40_000): Promise<RunRecord> {
    const giveUpAt = performance.now() + timeoutMs;
    for (;;) {
      const answer = await this.place(order, key);
      if (answer.kind === 'accepted') return answer.run;
      if (answer.kind === 'refused' || performance.now() > giveUpAt) {
        throw new Error(`order ${key} was not accepted: ${JSON.stringify(answer)}`);
      }
      await delay(answer.retryAfterMs);
    }
  }

  /** Places an order and waits for its end. */
  async fulfil(order: Order, key: string): Promise<RunRecord> {
    return this.end(await this.placeSurely(order, key));
  }

  /** Cancels an order once it has tried this step. */
  async cancelAt({ id }: Pick<RunRecord, 'id'>, step: string): Promise<void> {
    await waitFor(
      async () => (await this.run(id))?.steps.some(({ name, attempts }) => name === step && attempts > 0),
      { what: `run ${id} to try its step "${step}"`, timeoutMs: 20_000, everyMs: 30 },
    );
    const { status } = await this.act('cancel', { id, generation: 1 }, `runs/${id}/cancel`);
    if (status !== 202) throw new Error(`cancelling ${id} was answered ${status}`);
  }

  /** @returns undefined when there is no such run */
  async run(runId: string): Promise<RunRecord | undefined> {
    const reply = await ask(`${this.#url()}/v1/runs/${runId}`, { headers: this.#login() });
    return reply.status === 404 ? undefined : RunRecord.parse(reply.body);
  }

  /** Dead runs, those that died last first. */
  async deadLetters(): Promise<RunRecord[]> {
    const { body } = await askOk(`${this.#url()}/v1/dead-letters?limit=10`, { headers: this.#login() });
    return z.object({ data: z.array(RunRecord) }).parse(body).data;
  }

  /** The run once it is over or dead. */
  end({ id }: Pick<RunRecord, 'id'>): Promise<RunRecord> {
    return this.runThat(id, ['completed', 'failed', 'cancelled', 'dead']);
  }

  runThat(runId: string, statuses: readonly RunRecord['status'][]): Promise<RunRecord> {
    let last: RunRecord | undefined;
    return waitFor(
      async () => {
        last = await this.run(runId);
        return last && statuses.includes(last.status) ? last : undefined;
      },
      {
        what: `run ${runId} to be ${statuses.join(' or ')}`,
        timeoutMs: 60_000,
        everyMs: 30,
      },
    ).catch((error: unknown) => {
      throw new Error(`${error instanceof Error ? error.message : error}\n${JSON.stringify(last)}`);
    });
  }

  #post({ path, body, key }: Wish, waitS: number | undefined): Promise<Reply> {
    return ask(`${this.#url()}${path}`, {
      method: 'POST',
      headers: {
        ...this.#login(),
        'idempotency-key': key,
        ...(waitS !== undefined && { prefer: `wait=${waitS}` }),
      },
      body,
    });
  }

  #url(): string {
    return this.#processes().api.url;
  }

  #login() {
    return { authorization: `Bearer ${this.#processes().apiKey}` };
  }
}

function readAnswer({ status, headers, body }: Reply): Answer {
  if (status < 300) {
    const replayed = headers.get('idempotent-replayed') === 'true';
    return { kind: 'accepted', status, replayed, run: RunRecord.parse(body) };
  }
  const { code } = Refusal.parse(body);
  if (status < 500) return { kind: 'refused', status, code };
  return { kind: 'unknown', reason: code, retryAfterMs: Number(headers.get('retry-after') ?? 0) * 1000 };
}

function lost(error: unknown): Answer {
  if (!(error instanceof TypeError)) throw error; // fetch has no other error for a connection that came to nothing
  return { kind: 'unknown', reason: String(error.cause ?? error), retryAfterMs: 50 };
}
