import type { CallEvent, Run, RunEvent, StepState } from '@holdfast/engine';
import { expect, it } from 'vitest';
import { timelineSvg } from '../src/index.ts';
import * as runs from './support/runs.ts';

/** A small generator of random numbers (mulberry32): the same seed draws the same run. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** What a picture has to show of one call, or of a person's answer. */
interface Expected {
  readonly row: number;
  readonly undo: boolean;
  readonly from: number;
  readonly to: number;
  readonly outcome: string;
  readonly code?: string;
}

interface Drawn {
  readonly row: number;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly outcome: string;
  readonly title: string;
}

const FAILURES = ['unavailable', 'in_doubt', 'misconfigured', 'bug', 'throttled'] as const;
const SHOWN: Readonly<Record<string, string>> = { in_doubt: 'in_doubt', cut_off: 'crashed' };

/** A run that a journal could tell of: steps one after another, each with calls of every kind, and what came in between undone in reverse. */
class RandomRun {
  readonly expected: Expected[] = [];
  readonly pauses: { readonly from: number; readonly to: number }[] = [];
  readonly run: Run;
  readonly #random: () => number;
  readonly #events: RunEvent[] = [];
  #now = 0;

  constructor(seed: number) {
    this.#random = seeded(seed);
    const count = 1 + this.#below(5);
    const failsAt = this.#random() < 0.4 ? this.#below(count) : count;
    const done: StepState[] = [];
    const steps: StepState[] = [];
    for (let row = 0; row < Math.min(count, failsAt + 1); row += 1) {
      const name = `step-${row}`;
      const startedAt = this.#now;
      const fails = row === failsAt;
      const answered = this.#calls(row, name, fails ? 'rejected' : 'ok', false);
      const step = runs.step(name, fails ? 'failed' : 'completed', startedAt, this.#now, {
        attempts: 1,
        ...(answered && { answered }),
      });
      steps.push(step);
      if (!fails) done.push(step);
      this.#now += this.#below(3);
    }
    for (const step of failsAt < count ? done.toReversed() : []) {
      const startedAt = this.#now;
      const row = steps.indexOf(step);
      const answered = this.#calls(row, step.name, 'ok', true);
      const { finishedAt: doneAt = 0 } = step;
      steps[row] = {
        ...step,
        ...{ status: 'compensated', finishedAt: runs.T0 + this.#now },
        undo: {
          ...{ attempts: 1, startedAt: runs.T0 + startedAt, finishedAt: runs.T0 + this.#now, doneAt },
          ...{ key: 'undo', ...(answered && { answered }) },
        },
      };
      this.#now += this.#below(3);
    }
    const common = { ...runs.straight, steps, events: this.#events, finishedAt: runs.T0 + this.#now };
    const { output: _, ...failed } = common as Extract<Run, { status: 'completed' }>;
    const error = { kind: 'rejected', code: 'no', message: 'no' } as const;
    this.run = failsAt < count ? { ...failed, status: 'failed', error } : common;
  }

  /** @returns true when a person said how it ended */
  #calls(row: number, step: string, end: 'ok' | 'rejected', undo: boolean): true | undefined {
    let n = 0;
    const add = (more: Partial<CallEvent>, ms: number) => {
      n += 1;
      const what = undo ? 'undo' : 'run';
      const made = runs.called(step, n, this.#now, this.#now + ms, { what, ...more });
      const { outcome, putOff, error, until } = made;
      this.#now += ms;
      this.#events.push(made);
      if (putOff) {
        if (until) this.pauses.push({ from: made.startedAt, to: until });
      } else {
        const look = made.what === 'look_up' && { ok: 'found', none: 'none' }[outcome as string];
        const ended = { ok: undo ? 'undone' : 'completed', rejected: 'rejected' }[outcome as string];
        const shown =
          look ||
          (made.what === 'look_up' && outcome !== 'cut_off'
            ? 'unanswered'
            : (SHOWN[outcome] ?? ended ?? 'retried'));
        this.expected.push({
          ...{ row, undo, from: made.startedAt, to: made.at, outcome: shown },
          ...(error && { code: error.code }),
        });
        if (until) this.pauses.push({ from: made.at, to: until });
      }
      if (until !== undefined) this.#now = Math.max(this.#now, until - runs.T0 + this.#below(4));
    };
    const wait = () => (this.#random() < 0.1 ? this.#below(1e6) : 1 + this.#below(3_000));
    for (let tries = this.#below(5); tries > 0; tries -= 1) {
      const ms = this.#below(2_000);
      const until = runs.T0 + this.#now + ms + wait();
      const draw = this.#random();
      const outcome = FAILURES[this.#below(FAILURES.length)] ?? 'bug';
      const error = { code: `e_${n}`, kind: outcome, message: 'm' };
      if (draw < 0.15) add({ putOff: true, sent: false, outcome: 'throttled', until, error }, 0);
      else if (draw < 0.3 && !undo) add({ what: 'look_up', outcome: 'none', until }, ms);
      else if (draw < 0.4 && !undo) add({ what: 'look_up', outcome: 'unavailable', until, error }, ms);
      else if (draw < 0.5) {
        add({ outcome: 'cut_off' }, ms);
        this.#events.push(runs.takenOver(this.#now));
      } else add({ outcome, until, error }, ms);
    }
    if (end === 'ok' && n > 0 && this.#random() < 0.2) {
      const back = this.#now + wait();
      this.#events.push({ kind: 'died', at: runs.T0 + this.#now });
      this.#events.push({
        kind: 'resolved',
        at: runs.T0 + back,
        step,
        outcome: undo ? 'undone' : 'happened',
      });
      this.#now = back;
      const at = runs.T0 + back;
      this.expected.push({ row, undo, from: at, to: at, outcome: undo ? 'undone' : 'completed' });
      return true;
    }
    const found = !undo && n > 0 && end === 'ok' && this.#random() < 0.3;
    const error = { code: 'no', kind: 'rejected', message: 'm' };
    const ms = this.#below(2_000);
    if (found) add({ what: 'look_up', outcome: 'ok' }, ms);
    else add({ outcome: end, ...(end === 'rejected' && { error }) }, ms);
    return undefined;
  }

  #below(max: number): number {
    return Math.floor(this.#random() * max);
  }
}

function barsOf(svg: string): Drawn[] {
  const rows = svg.split('\n<g><g><title>').slice(0);
  const drawn: Drawn[] = [];
  const places = [...svg.matchAll(/<text class="bold" x="12" y="(\d+)">step-(\d+)/g)].map(([, y, row]) => ({
    y: Number(y),
    row: Number(row),
  }));
  expect(rows.length).toBeGreaterThan(0);
  for (const [, title = '', outcome = '', x, y, width] of svg.matchAll(
    /<title>([^<]*)<\/title><rect class="b-(\w+)" x="([\d.]+)" y="([\d.]+)" width="([\d.]+)"/g,
  )) {
    const row = places.findLast((place) => place.y <= Number(y) + 10)?.row ?? -1;
    drawn.push({ row, title, outcome, x: Number(x), y: Number(y), width: Number(width) });
  }
  return drawn;
}

/** Of what has no length, this much is drawn; and places are given to a tenth. */
const LEAST_PX = 3.1;

it.each(Array.from({ length: 300 }, (_, seed) => seed))(
  'draws each recorded interval once, in order, with its outcome (seed %i)',
  (seed) => {
    const { run, expected } = new RandomRun(seed);
    const svg = timelineSvg(run, { now: runs.T0 + 1e9 });
    const drawn = barsOf(svg);
    const key = (row: number, outcome: string) => `${row} ${outcome}`;
    expect(drawn.map(({ row, outcome }) => key(row, outcome)).toSorted()).toEqual(
      expected.map(({ row, outcome }) => key(row, outcome)).toSorted(),
    );
    // within a row as in time, an undo's below its step's
    const inOrder = expected.toSorted((a, b) => a.row - b.row || Number(a.undo) - Number(b.undo));
    const pairs = drawn.map((bar, index) => ({ bar, of: inOrder[index] as Expected }));
    for (const { bar, of } of pairs) {
      expect([bar.row, bar.outcome]).toEqual([of.row, of.outcome]);
      if (of.code) expect(bar.title).toContain(`: ${of.code}`);
    }
    // time runs right, over all rows, and what ended before something began ends left of it
    for (const a of pairs) {
      for (const b of pairs) {
        if (a.of.from <= b.of.from) expect(a.bar.x).toBeLessThanOrEqual(b.bar.x);
        if (a.of.to <= b.of.from && a.of.to > a.of.from)
          expect(a.bar.x + a.bar.width).toBeLessThanOrEqual(b.bar.x + LEAST_PX);
      }
      if (a.of.to > a.of.from) expect(a.bar.width).toBeGreaterThanOrEqual(3);
    }
  },
);

it.each(Array.from({ length: 300 }, (_, seed) => seed))(
  'draws each recorded wait once, and none where nothing waited (seed %i)',
  (seed) => {
    const { run, pauses } = new RandomRun(seed);
    const svg = timelineSvg(run, { now: runs.T0 + 1e9 });
    const titles = [...svg.matchAll(/<title>waits [^<]*: ([^<]*)<\/title>/g)].map(([, reason]) => reason);
    const people = run.events.filter(({ kind }) => kind === 'resolved').length;
    expect(titles.filter((reason) => reason !== 'waits for a person')).toHaveLength(pauses.length);
    expect(titles.filter((reason) => reason === 'waits for a person').length).toBeLessThanOrEqual(people);
  },
);
