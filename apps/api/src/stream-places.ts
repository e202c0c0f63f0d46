/** How many streams may be open at once, in all and for one tenant: one that opens many leaves room for the others. */
export interface StreamBounds {
  readonly all: number;
  readonly perTenant: number;
}

/** Counts the streams that are open. */
export class StreamPlaces {
  readonly #taken = new Map<string, number>();
  #all = 0;

  constructor(private readonly bounds: StreamBounds) {}

  /** @returns gives the place back, once; undefined when none is left */
  take(tenant: string): (() => void) | undefined {
    const taken = this.#taken.get(tenant) ?? 0;
    if (this.#all >= this.bounds.all || taken >= this.bounds.perTenant) return undefined;
    this.#all += 1;
    this.#taken.set(tenant, taken + 1);
    return () => {
      this.#all -= 1;
      const left = (this.#taken.get(tenant) ?? 1) - 1;
      if (left === 0) this.#taken.delete(tenant);
      else this.#taken.set(tenant, left);
    };
  }
}
