/** How long a flow that waits for something else is given to come to what the journal has next. */
const GRACE_MS = 250;

/**
 * Gives recorded outcomes to a flow that is replayed in the order in which they came the first time, each in a turn of the event
 * loop of its own, so that what the flow does between two of them comes out the same.
 */
export class Delivery {
  readonly #order: readonly string[];
  readonly #reached = new Map<string, () => void>();
  readonly #listener: StuckListener;
  readonly #whenOver: (() => void)[] = [];
  #next = 0;
  #scheduled = false;
  #stuck: { readonly on: string; readonly timer: NodeJS.Timeout } | undefined;

  /** @param order the fields of the journal's final records, in the order of their ends */
  constructor(order: readonly string[], listener: StuckListener) {
    this.#order = order;
    this.#listener = listener;
  }

  get over(): boolean {
    return this.#next >= this.#order.length;
  }

  /** The flow has reached a recorded outcome. */
  reach(field: string, deliver: () => void): void {
    this.#reached.set(field, deliver);
    if (this.#stuck?.on === field) {
      clearTimeout(this.#stuck.timer);
      this.#stuck = undefined;
      if (this.#listener.late(field) === 'end') return;
    }
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
      if (this.#reached.size > 0 || this.#whenOver.length > 0) this.#waitFor(field);
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

  #waitFor(field: string): void {
    this.#stuck ??= { on: field, timer: setTimeout(() => this.#listener.stuck(field), GRACE_MS) };
  }
}

interface StuckListener {
  /** The flow waits, and has not reached the record that came next. */
  readonly stuck: (missing: string) => void;
  /** It has reached it after all: it awaited something that the journal knows nothing of. */
  readonly late: (field: string) => 'end' | 'go_on';
}
