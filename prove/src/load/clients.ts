import { setTimeout as delay } from 'node:timers/promises';
import type { Random } from '@holdfast/testkit';
import type { Shop, Wish } from '../outside/shop.ts';
import { requests } from './mix.ts';

const CLIENTS = 20;
/** How long a client waits for the end of its run before it goes on. */
const PATIENCE_S = 1;
/** For a client that gets no answer that tells. */
const PAUSE_MS = 100;

/** Those who place orders and make payments, each one after the other, and send again what was not acknowledged. */
export class Clients {
  readonly #shop: Shop;
  readonly #requests: Iterator<Wish, never>;
  readonly #over: AbortSignal;
  #stopped = false;
  #working: Promise<unknown> = Promise.resolve();
  /** Keys that were sent. */
  readonly sent = new Set<string>();
  readonly accepted = new Set<string>();

  /** @param over gives up what is still not acknowledged */
  constructor(shop: Shop, random: Random, over: AbortSignal) {
    this.#shop = shop;
    this.#requests = requests(random);
    this.#over = over;
  }

  start(): void {
    this.#working = Promise.all(Array.from({ length: CLIENTS }, () => this.#client()));
  }

  /** Places nothing more. Resolves once each key is acknowledged, or given up. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#working;
  }

  /** Sends a request again and again until it is acknowledged or refused. */
  async send(wish: Wish, waitS?: number): Promise<void> {
    this.sent.add(wish.key);
    while (!this.#over.aborted) {
      const answer = await this.#shop.send(wish, waitS);
      if (answer.kind === 'accepted') {
        this.accepted.add(wish.key);
        return;
      }
      if (answer.kind === 'refused') {
        // an answer as good as any other: what is left of a payment may be less than was asked for
        this.sent.delete(wish.key);
        return;
      }
      await delay(Math.max(PAUSE_MS, Math.min(answer.retryAfterMs, 1_000)));
    }
  }

  async #client(): Promise<void> {
    while (!this.#stopped && !this.#over.aborted) await this.send(this.#requests.next().value, PATIENCE_S);
  }
}
