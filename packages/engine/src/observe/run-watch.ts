import { isOver, isTerminal, type Run } from '../contract/run.ts';
import type { Journal } from '../journal/journal.ts';
import type { AnnouncedEnds } from './announced-ends.ts';

interface Pace {
  readonly share: number;
  readonly min: number;
  readonly max: number;
}

/** A run is looked at again after an eighth of the time since its last change, but no sooner and no later than this. */
const EVERY_CHANGE_MS: Pace = { share: 1 / 8, min: 50, max: 500 };
/** The same for those who want its end alone, which is announced: an announcement can be lost. */
const NET_MS: Pace = { share: 1 / 8, min: 1_000, max: 5_000 };
/** After this many ends in a row that should have been announced and were not, the connection for that is opened anew. */
const DISTRUST_AFTER = 2;

/** Why a run is looked at. */
type Why = 'announced' | 'perhaps_missed' | 'due';

interface Listener {
  readonly wants: 'every_change' | 'end';
  /** Gets the run after each change that was seen; undefined when it is no more. */
  readonly notice: (run: Run | undefined) => void;
}

interface Watched {
  readonly listeners: Set<Listener>;
  readonly stopHearing: () => void;
  revision: number | undefined;
  /** As it was last read here; undefined before its first change. */
  latest: Run | undefined;
  changedAt: number;
  dueAt: number;
  looking: boolean;
  /** Its end was announced while it was being looked at. */
  again: boolean;
}

/**
 * Notices changes of runs for all who wait for them in this process. An end is heard as it is announced. Other changes are looked for, with
 * one timer: all runs that are due are asked for their revision in one write, however many listeners each has, and a run is read once for
 * each change that was seen. Nothing is asked while nobody waits.
 */
export class RunWatch {
  readonly #journal: Pick<Journal, 'readRevision' | 'readRun'>;
  readonly #announced: Pick<AnnouncedEnds, 'listen' | 'hears' | 'reconnect'>;
  readonly #runs = new Map<string, Watched>();
  #timer: NodeJS.Timeout | undefined;
  #looking = false;
  #unannounced = 0;

  constructor(
    journal: Pick<Journal, 'readRevision' | 'readRun'>,
    announced: Pick<AnnouncedEnds, 'listen' | 'hears' | 'reconnect'>,
  ) {
    this.#journal = journal;
    this.#announced = announced;
  }

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
    const notice = (changed: Run | undefined) => {
      news = changed;
      if (!changed || isTerminal(changed.status)) end();
      wake();
    };
    const stop = this.#watch(run, { wants: 'every_change', notice });
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

  /** The run once it is terminal or dead; undefined when it is no more, or when the signal aborts. Waits out a Redis that is away. */
  async end(run: Run, signal: AbortSignal): Promise<Run | undefined> {
    let stop = () => {};
    let leave = () => {};
    try {
      return await new Promise<Run | undefined>((resolve) => {
        leave = () => resolve(undefined);
        signal.addEventListener('abort', leave);
        if (signal.aborted) return leave();
        const notice = (changed: Run | undefined) => {
          if (!changed || isOver(changed.status)) resolve(changed);
        };
        stop = this.#watch(run, { wants: 'end', notice });
      });
    } finally {
      stop();
      signal.removeEventListener('abort', leave);
    }
  }

  #watch({ id, revision }: Run, listener: Listener): () => void {
    const watched = this.#runs.get(id) ?? this.#begin(id, revision);
    watched.listeners.add(listener);
    this.#pace(id, watched);
    // it may have changed between the caller's look and this one
    if (watched.latest && watched.latest.revision > revision) listener.notice(watched.latest);
    this.#schedule();
    return () => {
      watched.listeners.delete(listener);
      if (watched.listeners.size === 0 && this.#runs.get(id) === watched) {
        this.#runs.delete(id);
        watched.stopHearing();
      }
      this.#schedule();
    };
  }

  #begin(runId: string, revision: number): Watched {
    const now = performance.now();
    const watched: Watched = {
      listeners: new Set(),
      stopHearing: this.#announced.listen(runId, (announced) => {
        if (announced) this.#unannounced = 0;
        void this.#lookAt(runId, watched, announced ? 'announced' : 'perhaps_missed').then(() =>
          this.#schedule(),
        );
      }),
      revision,
      latest: undefined,
      changedAt: now,
      dueAt: now,
      looking: false,
      again: false,
    };
    this.#runs.set(runId, watched);
    return watched;
  }

  #pace(runId: string, watched: Watched): void {
    const looksOften =
      !this.#announced.hears(runId) || [...watched.listeners].some(({ wants }) => wants === 'every_change');
    const { share, min, max } = looksOften ? EVERY_CHANGE_MS : NET_MS;
    const now = performance.now();
    watched.dueAt = now + Math.min(Math.max((now - watched.changedAt) * share, min), max);
  }

  #schedule(): void {
    if (this.#looking) return;
    clearTimeout(this.#timer);
    if (this.#runs.size === 0) return;
    let next = Number.POSITIVE_INFINITY;
    for (const { dueAt } of this.#runs.values()) next = Math.min(next, dueAt);
    this.#timer = setTimeout(() => void this.#look(), Math.max(0, next - performance.now()));
  }

  async #look(): Promise<void> {
    this.#looking = true;
    // what is due soon is taken along
    const until = performance.now() + EVERY_CHANGE_MS.min / 2;
    const due = [...this.#runs].filter(([, { dueAt }]) => dueAt <= until);
    await Promise.all(due.map(([runId, watched]) => this.#lookAt(runId, watched, 'due')));
    this.#looking = false;
    this.#schedule();
  }

  async #lookAt(runId: string, watched: Watched, why: Why): Promise<void> {
    const announced = why === 'announced';
    if (watched.looking) {
      watched.again ||= announced;
      return;
    }
    watched.looking = true;
    try {
      // what was announced has changed: it need not be asked whether
      const revision = announced ? undefined : await this.#journal.readRevision(runId);
      if (announced || revision !== watched.revision) {
        const run = await this.#journal.readRun(runId, { input: false });
        if (run?.revision !== watched.revision) this.#changed(runId, watched, run, why);
      }
    } catch {
      // away, or too slow: the next look will tell
    }
    watched.looking = false;
    this.#pace(runId, watched);
    if (watched.again) {
      watched.again = false;
      await this.#lookAt(runId, watched, 'announced');
    }
  }

  #changed(runId: string, watched: Watched, run: Run | undefined, why: Why): void {
    watched.latest = run;
    watched.revision = run?.revision;
    watched.changedAt = performance.now();
    if (why === 'due' && run && isOver(run.status) && this.#announced.hears(runId)) {
      this.#unannounced += 1;
      if (this.#unannounced === DISTRUST_AFTER) this.#announced.reconnect();
    }
    for (const { notice } of watched.listeners) notice(run);
  }
}
