import { setTimeout as delay } from 'node:timers/promises';
import { type Command, type Launch, launch, type RunningProcess } from './child-process.ts';
import type { Guard } from './guard.ts';
import { restartDelayMs, WELL_AFTER_MS } from './restart-delay.ts';

export interface ChildSpec extends Command {
  /** As people know it: `redis`, `worker 1`. */
  readonly name: string;
  /** Asked again and again after a start, until it is true. Never rejects. */
  readonly isReady: () => Promise<boolean>;
  /** How long the first start may take. */
  readonly readyTimeoutMs: number;
  /** How long it may take to end after SIGTERM. */
  readonly stopGraceMs: number;
}

export type ChildEvent =
  | { readonly kind: 'ready'; readonly name: string; readonly pid: number; readonly again: boolean }
  | { readonly kind: 'died'; readonly name: string; readonly how: string; readonly restartInMs: number };

/** The first start of a child came to nothing. */
export class ChildStartError extends Error {
  readonly code = 'child_start_failed';
  constructor(
    readonly child: Pick<ChildSpec, 'name' | 'logFile'>,
    readonly reason: string,
  ) {
    super(`${child.name} could not be started: ${reason}`);
    this.name = 'ChildStartError';
  }
}

export interface Child {
  readonly name: string;
  /** The process that was ready last; undefined before the first was. */
  readonly pid: number | undefined;
  /** Resolves once it is ready for the first time. @throws ChildStartError */
  readonly firstReady: Promise<void>;
  /**
   * Ends its process and starts another, such as after a change of its code. Resolves once that one is ready.
   * @param go when the other may start
   */
  restart(go: Promise<void>): Promise<void>;
  /** Ends it for good. Resolves once its process is gone. */
  stop(): Promise<void>;
}

const ASK_EVERY_MS = 20;

/** Starts a child, and starts it again, with growing delays, whenever its process ends. */
export function superviseChild(
  spec: ChildSpec,
  { guard, onEvent }: { readonly guard: Guard; readonly onEvent: (event: ChildEvent) => void },
): Child {
  const stopping = new AbortController();
  let current: RunningProcess | undefined;
  let readyPid: number | undefined;
  let replaced: { readonly go: Promise<void>; readonly done: () => void } | undefined;

  const firstStart = start(spec.readyTimeoutMs);
  const firstReady = firstStart.then((started) => {
    if (!started.ok) throw new ChildStartError(spec, started.reason);
    onEvent({ kind: 'ready', name: spec.name, pid: started.process.pid, again: false });
  });
  const over = firstReady.then(keepAlive, () => {});

  async function keepAlive() {
    let deathsInARow = 0;
    let readyAt: number | undefined = performance.now();
    while (current) {
      const how = await current.ended;
      if (stopping.signal.aborted) return;
      if (replaced) {
        const { go, done } = replaced;
        await go;
        if (stopping.signal.aborted) return;
        const started = await start();
        replaced = undefined;
        readyAt = started.ok ? performance.now() : undefined;
        if (started.ok) onEvent({ kind: 'ready', name: spec.name, pid: started.process.pid, again: false });
        done();
        continue;
      }
      const wasWell = readyAt !== undefined && performance.now() - readyAt >= WELL_AFTER_MS;
      deathsInARow = wasWell ? 1 : deathsInARow + 1;
      const restartInMs = restartDelayMs(deathsInARow);
      onEvent({ kind: 'died', name: spec.name, how, restartInMs });
      await delay(restartInMs, undefined, { signal: stopping.signal }).catch(() => {});
      if (stopping.signal.aborted) return;
      const started = await start();
      readyAt = started.ok ? performance.now() : undefined;
      if (started.ok) onEvent({ kind: 'ready', name: spec.name, pid: started.process.pid, again: true });
    }
  }

  /** Starts the process and waits until it serves. Without a timeout it may take as long as it lives. */
  async function start(timeoutMs?: number): Promise<Launch> {
    const launched = await launch(spec, guard);
    if (!launched.ok) return launched;
    const { process } = launched;
    current = process;
    if (stopping.signal.aborted) await process.stop(spec.stopGraceMs);

    const ended = new AbortController();
    void process.ended.then(() => ended.abort());
    const giveUp = timeoutMs === undefined ? [] : [AbortSignal.timeout(timeoutMs)];
    if (await becomesReady(spec, AbortSignal.any([ended.signal, ...giveUp]))) {
      readyPid = process.pid;
      return launched;
    }
    if (ended.signal.aborted) return { ok: false, reason: `it ended (${await process.ended})` };
    await process.stop(spec.stopGraceMs);
    return { ok: false, reason: `it was not ready after ${(timeoutMs ?? 0) / 1000} s` };
  }

  return {
    name: spec.name,
    get pid() {
      return readyPid;
    },
    firstReady,
    restart: async (go) => {
      const done = new Promise<void>((resolve) => {
        replaced = { go, done: resolve };
      });
      await current?.stop(spec.stopGraceMs);
      await Promise.race([done, over]);
    },
    stop: async () => {
      stopping.abort();
      await current?.stop(spec.stopGraceMs);
      await over;
    },
  };
}

async function becomesReady(spec: ChildSpec, over: AbortSignal): Promise<boolean> {
  while (!over.aborted) {
    if (await spec.isReady()) return !over.aborted;
    await delay(ASK_EVERY_MS, undefined, { signal: over }).catch(() => {});
  }
  return false;
}
