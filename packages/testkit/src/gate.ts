import type { Passage } from './watched-redis.ts';

interface Held {
  readonly command: string;
  readonly release: () => void;
}

/** One moment at which several actors had a command to send. */
export interface Choice {
  /** Which of them went first, from 0. */
  readonly taken: number;
  readonly among: number;
}

/** Turns of the event loop without anything new after which all actors wait at the gate. */
const STILL_TURNS = 20;
const MAX_MS = 10_000;

/** Holds the commands of several actors and lets them go one at a time, each only when the one before it has come back. */
export class Gate {
  /** What was let through, in its order. */
  readonly trace: string[] = [];
  readonly #gated: (command: string) => boolean;
  readonly #held = new Map<string, Held[]>();
  #underWay = 0;
  #moves = 0;

  /** @param gated which commands are held; the others pass at once */
  constructor(gated: (command: string) => boolean) {
    this.#gated = gated;
  }

  passage(actor: string, command: string): Passage {
    this.#moves += 1;
    return { mayLeave: this.#mayLeave(actor, command), arrives: () => this.#arrives() };
  }

  /** Something is under way that is no command. @returns to be called at its end */
  enter(): () => void {
    this.#underWay += 1;
    return () => {
      this.#underWay -= 1;
      this.#moves += 1;
    };
  }

  /**
   * Lets the actors' commands through until all actors are done.
   * @param order at each choice, which of the waiting actors goes; past its end, the first
   */
  async letThrough(actors: readonly Promise<unknown>[], order: readonly number[]): Promise<Choice[]> {
    const choices: Choice[] = [];
    let running = actors.length;
    for (const actor of actors) {
      const done = () => {
        running -= 1;
        this.#moves += 1;
      };
      void actor.then(done, done);
    }
    const giveUpAt = performance.now() + MAX_MS;
    while (performance.now() < giveUpAt) {
      await this.#still();
      if (running === 0) return choices;
      // by name, so that the same choice means the same actor each time
      const waiting = [...this.#held]
        .filter(([, held]) => held.length > 0)
        .sort(([a], [b]) => (a < b ? -1 : 1));
      const taken = waiting.length > 1 ? (order[choices.length] ?? 0) : 0;
      if (waiting.length > 1) choices.push({ taken, among: waiting.length });
      const [actor, held] = waiting[taken] ?? [];
      const next = held?.shift();
      if (!next) continue;
      this.trace.push(`${actor}: ${next.command}`);
      this.#underWay += 1;
      next.release();
    }
    throw new Error(`the actors were not done within ${MAX_MS} ms`);
  }

  #mayLeave(actor: string, command: string): Promise<void> {
    if (!this.#gated(command)) {
      this.#underWay += 1;
      return Promise.resolve();
    }
    return new Promise((release) => {
      this.#held.set(actor, [...(this.#held.get(actor) ?? []), { command, release }]);
    });
  }

  async #arrives(): Promise<'deliver'> {
    this.#underWay -= 1;
    this.#moves += 1;
    return 'deliver';
  }

  async #still(): Promise<void> {
    for (let turns = 0; turns < STILL_TURNS; ) {
      const moves = this.#moves;
      await new Promise(setImmediate);
      turns = this.#underWay > 0 || this.#moves !== moves ? 0 : turns + 1;
    }
  }
}
