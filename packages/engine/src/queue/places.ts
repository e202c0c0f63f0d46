/** The runs that a worker may have at once, shared by the queues of all its flows: who asked first gets the next free place. */
export class Places {
  #free: number;
  readonly #asking: (() => void)[] = [];

  constructor(count: number) {
    this.#free = count;
  }

  /** Nobody waits for a place: who has one may keep it for its next run. */
  get enough(): boolean {
    return this.#asking.length === 0;
  }

  takeNow(): boolean {
    if (this.#free === 0) return false;
    this.#free -= 1;
    return true;
  }

  /** @returns a place as soon as one is free, and how to stop waiting: then it resolves to false */
  take(): { readonly taken: Promise<boolean>; readonly stop: () => void } {
    let stop = () => {};
    const taken = new Promise<boolean>((resolve) => {
      const given = () => resolve(true);
      this.#asking.push(given);
      stop = () => {
        const at = this.#asking.indexOf(given);
        if (at === -1) return;
        this.#asking.splice(at, 1);
        resolve(false);
      };
    });
    return { taken, stop };
  }

  giveBack(): void {
    const next = this.#asking.shift();
    if (next) next();
    else this.#free += 1;
  }
}
