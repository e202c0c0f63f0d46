/**
 * Gives recorded outcomes to a flow that is replayed in the order in which they came the first time, each in a turn of the event
 * loop of its own, so that what the flow does between two of them comes out the same.
 */
export class Delivery {
  readonly #order: readonly string[];
  readonly #reached = new Map<string, () => void>();
  readonly #onStuck: (missing: string) => void;
  readonly #whenOver: (() => void)[] = [];
  #next = 0;
  #scheduled = false;

  /**
   * @param order the fields of the journal's final records, in the order of their ends
   * @param onStuck the flow waits, and has not reached the record that came next
   */
  constructor(order: readonly string[], onStuck: (missing: string) => void) {
    this.#order = order;
    this.#onStuck = onStuck;
  }

  get over(): boolean {
    return this.#next >= this.#order.length;
  }

  /** The flow has reached a recorded outcome. */
  reach(field: string, deliver: () => void): void {
    this.#reached.set(field, deliver);
    this.#schedule();
  }

  /** Resolves when all was played back; at once when there was nothing. */
  whenOver(): Promise<void> {
    if (this.over) return Promise.resolve();
    this.#schedule();
    return new Promise((resolve) => {
      this.#whenOver.push(resolve);
    });
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#deliverNext();
    });
  }

  #deliverNext(): void {
    const field = this.#order[this.#next];
    if (field === undefined) return;
    const deliver = this.#reached.get(field);
    if (!deliver) {
      if (this.#reached.size > 0 || this.#whenOver.length > 0) this.#onStuck(field);
      return;
    }
    this.#reached.delete(field);
    this.#next += 1;
    deliver();
    if (this.over) {
      for (const resolve of this.#whenOver) resolve();
    } else if (this.#reached.size > 0 || this.#whenOver.length > 0) {
      this.#schedule();
    }
  }
}
