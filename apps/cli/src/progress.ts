import { SingleBar } from 'cli-progress';
import { count, type Io } from './io.ts';

export interface Progress {
  /** One more is done. */
  step(): void;
  /** So many are done in all. */
  reach(done: number): void;
  stop(): void;
}

const FIRST_AFTER_MS = 1_000;
const LINE_EVERY_MS = 5_000;

/** How far what takes over a second is: on a terminal a bar, on a pipe a line now and then. */
export function startProgress(io: Io, total: number, unit: string): Progress {
  const startedAt = performance.now();
  let done = 0;
  const rate = () => Math.round(done / Math.max(0.001, (performance.now() - startedAt) / 1_000));
  const shown = io.errIsTerminal ? bar(total, unit) : lines(io, total, unit);
  const timer = setTimeout(() => shown.start(done, rate()), FIRST_AFTER_MS);
  const reach = (now: number) => {
    done = now;
    shown.update(done, rate());
  };
  return {
    reach,
    step: () => reach(done + 1),
    stop: () => {
      clearTimeout(timer);
      shown.stop();
    },
  };
}

interface Shown {
  start(done: number, rate: number): void;
  /** Does nothing before the start. */
  update(done: number, rate: number): void;
  stop(): void;
}

function bar(total: number, unit: string): Shown {
  const drawn = new SingleBar({
    format: `  {bar} {value} of {total} ${unit}, {rate}/s, {left} left`,
    barCompleteChar: '█',
    barIncompleteChar: '░',
    barsize: 24,
    clearOnComplete: true,
    hideCursor: true,
  });
  return {
    start: (done, rate) => drawn.start(total, done, { rate, left: timeLeft(total - done, rate) }),
    update: (done, rate) => {
      if (drawn.isActive) drawn.update(done, { rate, left: timeLeft(total - done, rate) });
    },
    stop: () => drawn.stop(),
  };
}

function lines(io: Io, total: number, unit: string): Shown {
  let nextAt = Number.POSITIVE_INFINITY;
  const print = (done: number, rate: number) => {
    nextAt = performance.now() + LINE_EVERY_MS;
    const left = timeLeft(total - done, rate);
    io.err(`${count(done)} of ${count(total)} ${unit}, ${count(rate)}/s, ${left} left\n`);
  };
  return {
    start: print,
    update: (done, rate) => {
      if (performance.now() >= nextAt) print(done, rate);
    },
    stop: () => {},
  };
}

function timeLeft(todo: number, rate: number): string {
  if (rate === 0) return '?';
  const seconds = Math.ceil(todo / rate);
  return seconds < 90 ? `${seconds} s` : `${Math.ceil(seconds / 60)} min`;
}
