import type { Journal } from './journal/journal.ts';
import { isTerminal, type Run } from './run.ts';

/** A run is looked at again after an eighth of the time since its last change, but no sooner and no later than this. */
const PAUSE_MS = { share: 1 / 8, min: 50, max: 500 } as const;

/** Gets the run after each change that was seen; undefined when it is no more. */
type Listener = (run: Run | undefined) => void;

interface Watched {
  readonly listeners: Set<Listener>;
  /** Undefined before the first look, and whenever somebody has joined. */
  revision: number | undefined;
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
   * How a run stands after each change that is seen, beginning with how it stands now unless that is `seen`: changes in quick succession
   * may be seen as one, but the last one is always seen. Ends after a terminal one, when the run is no more, or when the signal aborts. Waits
   * out a Redis that is away.
   * @param seen the revision that the caller knows, if any
   */
  async *changes(runId: string, seen: number | undefined, signal: AbortSignal): AsyncGenerator<Run, void> {
    let latest: Run | undefined;
    let over = false;
    let wake = () => {};
    const stop = this.#watch(runId, (run) => {
      latest = run;
      over ||= run === undefined;
      wake();
    });
    const onAbort = () => wake();
    signal.addEventListener('abort', onAbort);
    try {
      for (let known = seen; ; ) {
        const run: Run | undefined = latest;
        latest = undefined;
        if (signal.aborted) return;
        if (run && run.revision !== known) {
          known = run.revision;
          yield run;
        }
        if (over || (run && isTerminal(run.status))) return;
        if (latest || signal.aborted) continue;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    } finally {
      stop();
      signal.removeEventListener('abort', onAbort);
    }
  }

  #watch(runId: string, listener: Listener): () => void {
    const now = performance.now();
    const watched = this.#runs.get(runId) ?? {
      ...{ listeners: new Set(), revision: undefined, changedAt: now, dueAt: now },
    };
    this.#runs.set(runId, watched);
    watched.listeners.add(listener);
    watched.revision = undefined;
    watched.dueAt = now;
    this.#schedule();
    return () => {
      watched.listeners.delete(listener);
      if (watched.listeners.size === 0 && this.#runs.get(runId) === watched) this.#runs.delete(runId);
      this.#schedule();
    };
  }

  #schedule(): void {
    if (this.#looking) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
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
    watched.dueAt = performance.now() + PAUSE_MS.max;
    const before = watched.revision;
    const revision = await this.journal.readRevision(runId).catch(() => 'away' as const);
    if (revision === 'away' || revision === before) return pace(watched);
    const run = await this.journal.readRun(runId).catch(() => 'away' as const);
    if (run === 'away') return pace(watched);
    if (before !== undefined || watched.listeners.size > 1) watched.changedAt = performance.now();
    watched.revision = run?.revision;
    for (const listener of watched.listeners) listener(run);
    pace(watched);
  }
}

function pace(watched: Watched): void {
  const now = performance.now();
  const pauseMs = (now - watched.changedAt) * PAUSE_MS.share;
  watched.dueAt = now + Math.min(Math.max(pauseMs, PAUSE_MS.min), PAUSE_MS.max);
}
