import { randomUUID } from 'node:crypto';
import type { Actor, BulkProgress, BulkResult, Operations } from '@holdfast/operations';
import type { FastifyBaseLogger } from 'fastify';

export interface RedriveOrder {
  readonly tenant: string;
  readonly flow?: string;
  readonly code?: string;
  readonly limit: number;
  readonly ratePerSecond: number;
}

export type RedriveState =
  | { readonly is: 'under_way'; readonly progress: BulkProgress }
  | { readonly is: 'over'; readonly result: BulkResult; readonly at: number }
  | { readonly is: 'failed'; readonly progress: BulkProgress; readonly at: number };

export interface Redrive {
  readonly id: string;
  readonly order: RedriveOrder;
  readonly actor: string;
  readonly state: RedriveState;
}

/** What is under way at the same time, at most: each has a provider behind it that has just been in trouble. */
const MOST = 20;
const SHOWN_FOR_MS = 10 * 60_000;

/**
 * Redrives of many that go on while nobody waits for them, in this process. Should it end in the middle, the rest stays dead and is
 * redriven when asked again.
 */
export class BulkRedrives {
  readonly #operations: Operations;
  readonly #log: FastifyBaseLogger;
  readonly #stop = new AbortController();
  readonly #redrives = new Map<string, Redrive>();
  readonly #running = new Set<Promise<unknown>>();

  constructor(operations: Operations, log: FastifyBaseLogger) {
    this.#operations = operations;
    this.#log = log;
  }

  /** Those under way, and those that ended a short while ago; the last one first. */
  list(): readonly Redrive[] {
    for (const [id, { state }] of this.#redrives) {
      if (state.is !== 'under_way' && Date.now() - state.at > SHOWN_FOR_MS) this.#redrives.delete(id);
    }
    return [...this.#redrives.values()].reverse();
  }

  /** @returns its end; undefined when too many are under way already */
  start(actor: Actor, order: RedriveOrder): Promise<BulkResult> | undefined {
    const underWay = this.list().filter(({ state }) => state.is === 'under_way').length;
    if (underWay >= MOST) return undefined;
    const id = randomUUID();
    let progress: BulkProgress = { matched: 0, redriven: 0, skipped: 0 };
    const note = (state: RedriveState) => this.#redrives.set(id, { id, order, actor: actor.name, state });
    note({ is: 'under_way', progress });
    const { tenant, ...which } = order;
    const onProgress = (reached: BulkProgress) => {
      progress = reached;
      note({ is: 'under_way', progress });
    };
    const end = this.#operations
      .bulkRedrive(actor, tenant, { ...which, dryRun: false }, onProgress, this.#stop.signal)
      .then((result) => {
        note({ is: 'over', result, at: Date.now() });
        return result;
      });
    const settled = end.catch((error: unknown) => {
      this.#log.warn(
        { err: error, tenant },
        'a bulk redrive ended early; the remaining runs stay dead until redriven again',
      );
      note({ is: 'failed', progress, at: Date.now() });
    });
    this.#running.add(settled);
    void settled.finally(() => this.#running.delete(settled));
    return end;
  }

  /** Stops between two runs. */
  async close(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#running);
  }
}
