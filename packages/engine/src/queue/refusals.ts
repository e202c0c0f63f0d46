import type { Log } from '../contract/log.ts';

/** Redis answers, but takes no writes: out of memory, a replica, a failing disk, still loading. */
const REFUSALS = /^(OOM|READONLY|MISCONF|LOADING|MASTERDOWN|NOREPLICAS|CLUSTERDOWN|TRYAGAIN|BUSY)\b/;

export function isRefusal(error: unknown): error is Error {
  return error instanceof Error && REFUSALS.test(error.message);
}

/** Waits between tries while Redis refuses writes: from a tenth of a second, doubling, to five seconds. */
const FIRST_MS = 100;
const MAX_MS = 5_000;

/**
 * What a worker does while Redis takes no writes: it takes no new runs, and tries the writes it has until they are taken. One line is
 * logged when it begins and one when it ends.
 */
export class Refusals {
  readonly #log: Log;
  readonly #pause: () => void;
  readonly #resume: () => void;
  readonly #stopped: AbortSignal;
  #since: number | undefined;

  constructor(options: { log: Log; pause: () => void; resume: () => void; stopped: AbortSignal }) {
    this.#log = options.log;
    this.#pause = options.pause;
    this.#resume = options.resume;
    this.#stopped = options.stopped;
  }

  get refusing(): boolean {
    return this.#since !== undefined;
  }

  /** Sends until Redis takes it. @throws the refusal when the worker stops first, and any other error at once */
  async outlast<T>(send: () => Promise<T>): Promise<T> {
    for (let waitMs = FIRST_MS; ; waitMs = Math.min(waitMs * 2, MAX_MS)) {
      try {
        const reply = await send();
        this.#over();
        return reply;
      } catch (error) {
        if (!isRefusal(error) || this.#stopped.aborted) throw error;
        this.note(error);
        await this.#wait(waitMs);
      }
    }
  }

  /** A refusal seen elsewhere. */
  note(error: Error): void {
    if (this.#since !== undefined) return;
    this.#since = performance.now();
    this.#log.error(
      { err: error },
      'Redis is read-only or full; no new runs are taken until it accepts writes',
    );
    this.#pause();
  }

  #over(): void {
    if (this.#since === undefined) return;
    const seconds = Math.round((performance.now() - this.#since) / 100) / 10;
    this.#since = undefined;
    this.#log.info({ seconds }, 'Redis accepts writes again');
    this.#resume();
  }

  #wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.#stopped.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      this.#stopped.addEventListener('abort', done);
    });
  }
}
