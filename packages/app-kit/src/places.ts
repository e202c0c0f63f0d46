/** How many may be taken at once, in all and by one owner: one that takes many leaves room for the others. */
export interface PlaceBounds {
  readonly all: number;
  readonly each: number;
}

/** Counts what is open and costs something while it is: streams, requests that wait. */
export class Places {
  readonly #taken = new Map<string, number>();
  #all = 0;

  constructor(private readonly bounds: PlaceBounds) {}

  /** How many places each owner has taken. */
  get taken(): ReadonlyMap<string, number> {
    return this.#taken;
  }

  /** @returns gives the place back, once; undefined when none is left */
  take(owner: string): (() => void) | undefined {
    const taken = this.#taken.get(owner) ?? 0;
    if (this.#all >= this.bounds.all || taken >= this.bounds.each) return undefined;
    this.#all += 1;
    this.#taken.set(owner, taken + 1);
    return () => {
      this.#all -= 1;
      const left = (this.#taken.get(owner) ?? 1) - 1;
      if (left === 0) this.#taken.delete(owner);
      else this.#taken.set(owner, left);
    };
  }
}
