export interface TurnBounds {
  /** Requests of one tenant that are worked on at the same time. */
  readonly atOnce: number;
  /** More of them that wait for their turn; further ones are refused. */
  readonly waiting: number;
  /** How long one waits before it is refused as well. */
  readonly waitMs: number;
}

interface Line {
  taken: number;
  /** In the order in which they came. */
  readonly waiting: Set<() => void>;
}

/** Lets each tenant have some requests worked on at a time, so that the slow ones of one do not hold up those of others. */
export class TenantTurns {
  readonly #lines = new Map<string, Line>();

  constructor(private readonly bounds: TurnBounds) {}

  /**
   * Waits for a turn.
   * @param signal aborted when nobody waits for the answer any more
   * @returns gives the turn back, once; undefined when it did not come
   */
  async take(tenant: string, signal: AbortSignal): Promise<(() => void) | undefined> {
    const line = this.#lineOf(tenant);
    if (line.taken < this.bounds.atOnce) {
      line.taken += 1;
      return this.#turn(tenant, line);
    }
    if (line.waiting.size >= this.bounds.waiting) return undefined;
    return (await this.#wait(line, signal)) ? this.#turn(tenant, line) : undefined;
  }

  /** @returns whether a turn was passed on to it */
  #wait({ waiting }: Line, signal: AbortSignal): Promise<boolean> {
    return new Promise((resolve) => {
      const end = (came: boolean) => {
        clearTimeout(timer);
        signal.removeEventListener('abort', giveUp);
        waiting.delete(take);
        resolve(came);
      };
      const take = () => end(true);
      const giveUp = () => end(false);
      const timer = setTimeout(giveUp, this.bounds.waitMs);
      if (signal.aborted) return giveUp();
      signal.addEventListener('abort', giveUp);
      waiting.add(take);
    });
  }

  #turn(tenant: string, line: Line): () => void {
    let given = false;
    return () => {
      if (given) return;
      given = true;
      const [next] = line.waiting;
      if (next) return next();
      line.taken -= 1;
      if (line.taken === 0) this.#lines.delete(tenant);
    };
  }

  #lineOf(tenant: string): Line {
    const known = this.#lines.get(tenant);
    if (known) return known;
    const line: Line = { taken: 0, waiting: new Set() };
    this.#lines.set(tenant, line);
    return line;
  }
}
