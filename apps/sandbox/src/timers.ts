/** Timers by name; none keeps the process alive. */
export class Timers {
  readonly #running = new Map<string, NodeJS.Timeout>();

  /** Replaces the timer of the same name. */
  set(name: string, afterMs: number, run: () => void): void {
    this.clear(name);
    const timer = setTimeout(() => {
      this.#running.delete(name);
      run();
    }, afterMs);
    timer.unref();
    this.#running.set(name, timer);
  }

  clear(name: string): void {
    clearTimeout(this.#running.get(name));
    this.#running.delete(name);
  }

  clearAll(): void {
    for (const name of this.#running.keys()) this.clear(name);
  }
}
