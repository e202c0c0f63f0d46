import { isTerminal, type Run } from '../contract/run.ts';
import type { Journal } from '../journal/journal.ts';

/** A run is looked at again after an eighth of the time since its last change, but no sooner and no later than this. */
const PAUSE_MS = { share: 1 / 8, min: 50, max: 500 } as const;

/** Gets the run after each change that was seen; undefined when it is no more. */
type Listener = (run: Run | undefined) => void;

interface Watched {
  readonly listeners: Set<Listener>;
  revision: number | undefined;
  /** As it was last read here; undefined before its first change. */
  latest: Run | undefined;
  changedAt: number;
  dueAt: number;
}

/**
 * Notices changes of runs for all who wait for them in this process, with one timer: all runs that are due are asked for their revision in
 * one write, however many listeners each has, and a run is read once for each change that was seen. Nothing is asked while nobody waits.
 */
export class RunWatch {
  readonly #runs = new Map<string, Watched>();
  #timer: NodeJS.Timeout | undefined;
  #looking = false;

  constructor(private readonly journal: Pick<Journal, 'readRevision' | 'readRun'>) {}

  /**
   * How a run stands after each change since `run`. Changes in quick succession may be seen as one; the last one is always seen. Ends
   * after a terminal one, when the run is no more, or when the signal aborts. Waits out an unreachable Redis.
   */
  async *changes(run: Run, signal: AbortSignal): AsyncGenerator<Run, void> {
    let known = run.revision;
    let news: Run | undefined;
    let over = isTerminal(run.status) || signal.aborted;
    let wake = () => {};
    const end = () => {
      over = true;
      wake();
    };
    signal.addEventListener('abort', end);
    const stop = this.#watch(run, (changed) => {
      news = changed;
      if (!changed || isTerminal(changed.status)) end();
      wake();
    });
    try {
      while (true) {
        const changed: Run | undefined = news;
        news = undefined;
        if (changed && changed.revision !== known && !signal.aborted) {
          known = changed.revision;
          yield changed;
        } else if (over) {
          return;
        } else {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
      }
    } finally {
      stop();
      signal.removeEventListener('abort', end);
    }
  }

  #watch({ id, revision }: Run, listener: Listener): () => void {
    const now = performance.now();
    const watched = this.#runs.get(id) ?? {
      ...{ listeners: new Set(), revision, latest: undefined, changedAt: now, dueAt: now + PAUSE_MS.min },
    };
    this.#runs.set(id, watched);
    watched.listeners.add(listener);
    // it may have changed between the caller's look and this one
    if (watched.latest && watched.latest.revision > revision) listener(watched.latest);
    this.#schedule();
    return () => {
      watched.listeners.delete(listener);
      if (watched.listeners.size === 0) this.#runs.delete(id);
      this.#schedule();
    };
  }

  #schedule(): void {
    if (this.#looking) return;
    clearTimeout(this.#timer);
    if (this.#runs.size === 0) return;
    const next = Math.min(...[...this.#runs.values()].map(({ dueAt }) => dueAt));
    this.#timer = setTimeout(() => void this.#look(), Math.max(0, next - performance.now()));
  }

  async #look(): Promise<void> {
    this.#looking = true;
    // what is due soon is taken along
    const until = performance.now() + PAUSE_MS.min / 2;
    const due = [...this.#runs].filter(([, { dueAt }]) => dueAt <= until);
    await Promise.all(due.map(([runId, watched]) => this.#lookAt(runId, watched)));
    this.#looking = false;
    this.#schedule();
  }

  async #lookAt(runId: string, watched: Watched): Promise<void> {
    try {
      const revision = await this.journal.readRevision(runId);
      if (revision !== watched.revision) {
        const run = await this.journal.readRun(runId, { input: false });
        watched.latest = run;
        watched.revision = run?.revision;
        watched.changedAt = performance.now();
        for (const listener of watched.listeners) listener(run);
      }
    } catch {
      // away, or too slow: the next look will tell
    }
    const now = performance.now();
    const pauseMs = (now - watched.changedAt) * PAUSE_MS.share;
    watched.dueAt = now + Math.min(Math.max(pauseMs, PAUSE_MS.min), PAUSE_MS.max);
  }
}
