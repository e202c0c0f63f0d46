import { inWords } from './words.ts';

/** Time on the left, pixels on the right. */
export interface Scale {
  x(unixMs: number): number;
  /** Waits too long to be drawn to scale. */
  readonly breaks: readonly Break[];
  readonly labels: readonly { readonly x: number; readonly text: string }[];
}

export interface Break {
  readonly from: number;
  readonly to: number;
  readonly fromX: number;
  readonly toX: number;
}

export interface ScaleOptions {
  readonly start: number;
  readonly end: number;
  readonly left: number;
  readonly right: number;
  /** When something happened; between these, time may be broken. */
  readonly busy: readonly { readonly from: number; readonly to: number }[];
}

const BREAK_PX = 58;
const MAX_BREAKS = 3;
/** A wait is broken when it is so much longer than all that is drawn to scale would otherwise allow to be seen. */
const JUMP = 6;
const LABEL_PX = 66;
const MAX_LABELS = 5;

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** No two neighbours differ by more than 2.5 times, so that one of them cuts any length into two to four parts. */
const STEPS_MS = [
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500],
  ...[1, 2, 5, 10, 15, 30].map((n) => n * SECOND),
  ...[1, 2, 5, 10, 15, 30].map((n) => n * MINUTE),
  ...[1, 2, 3, 6, 12].map((n) => n * HOUR),
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500].map((n) => n * DAY),
];

export function scaleOf(options: ScaleOptions): Scale {
  const { start, end, left, right } = options;
  const broken = longGaps(options);
  const pieces = piecesOf(options, broken);
  const x = (unixMs: number): number => {
    const at = Math.min(Math.max(unixMs, start), end);
    let px = left;
    for (const { from, to, width } of pieces) {
      if (at >= to) px += width;
      else return at <= from ? px : px + (width * (at - from)) / (to - from);
    }
    return Math.min(px, right);
  };
  const breaks = broken.map(({ from, to }) => ({ from, to, fromX: x(from), toX: x(to) }));
  return { x, breaks, labels: labelsOf(options, broken, x) };
}

/** A stretch of time that is drawn evenly. */
interface Piece extends Gap {
  /** Pixels. */
  readonly width: number;
}

/** What happened is seen, however short it was: so much of the width may go to that. */
const LEAST_PX = 7;
const MOST_FOR_LEAST = 0.5;

/** Time between two things that began or ended; to scale, but for what would be too short to be seen beside the rest. */
function piecesOf({ start, end, left, right, busy }: ScaleOptions, broken: readonly Gap[]): Piece[] {
  const within = busy.filter(({ from, to }) => to > from);
  const edges = [start, end, ...[...within, ...broken].flatMap(({ from, to }) => [from, to])];
  const times = [...new Set(edges.filter((at) => at >= start && at <= end))].sort((a, b) => a - b);
  const gaps = times.slice(1).map((to, index) => {
    const from = times[index] ?? start;
    const isBroken = broken.some((each) => each.from <= from && each.to >= to);
    const isBusy = !isBroken && within.some((each) => each.from <= from && each.to >= to);
    return { from, to, isBroken, isBusy };
  });
  const room = right - left - broken.length * BREAK_PX;
  const drawnMs = Math.max(1, sum(gaps.map(({ from, to, isBroken }) => (isBroken ? 0 : to - from))));
  const short = ({ from, to, isBusy }: (typeof gaps)[number]) =>
    isBusy && ((to - from) * room) / drawnMs < LEAST_PX;
  const least = Math.min(LEAST_PX, (room * MOST_FOR_LEAST) / Math.max(1, gaps.filter(short).length));
  const shortMs = sum(gaps.filter(short).map(({ from, to }) => to - from));
  const pxPerMs = (room - least * gaps.filter(short).length) / Math.max(1, drawnMs - shortMs);
  return gaps.map((gap) => {
    const { from, to, isBroken } = gap;
    return { from, to, width: isBroken ? BREAK_PX : short(gap) ? least : (to - from) * pxPerMs };
  });
}

interface Gap {
  readonly from: number;
  readonly to: number;
}

/** The few gaps that dwarf everything else, in the order of time. */
function longGaps({ start, end, busy }: ScaleOptions): Gap[] {
  const gaps = gapsOf(start, end, busy);
  const longest = gaps.toSorted((a, b) => b.to - b.from - (a.to - a.from));
  for (let count = Math.min(MAX_BREAKS, longest.length); count > 0; count -= 1) {
    const broken = longest.slice(0, count);
    const least = Math.min(...broken.map(({ from, to }) => to - from));
    const rest = end - start - sum(broken.map(({ from, to }) => to - from));
    if (least > JUMP * Math.max(rest, 1)) return broken.toSorted((a, b) => a.from - b.from);
  }
  return [];
}

function gapsOf(start: number, end: number, busy: ScaleOptions['busy']): Gap[] {
  const gaps: Gap[] = [];
  let since = start;
  for (const { from, to } of busy.toSorted((a, b) => a.from - b.from)) {
    if (from > since) gaps.push({ from: since, to: from });
    since = Math.max(since, to);
  }
  if (end > since) gaps.push({ from: since, to: end });
  return gaps;
}

/** Three to five, as time since the start, and none so near another that they touch. */
function labelsOf({ start, end }: ScaleOptions, broken: readonly Gap[], x: Scale['x']): Scale['labels'] {
  const [first] = broken;
  const times = first
    ? [start, ...broken.map(({ to }) => to), end, ...roundTimes(start, first.from)]
    : roundTimes(start, end);
  const labels: { x: number; text: string }[] = [];
  for (const at of times) {
    const label = { x: x(at), text: at === start ? '0' : inWords(at - start) };
    const fits = labels.every(({ x, text }) => text !== label.text && Math.abs(x - label.x) >= LABEL_PX);
    if (fits && labels.length < MAX_LABELS) labels.push(label);
  }
  return labels.sort((a, b) => a.x - b.x);
}

function roundTimes(start: number, end: number): number[] {
  const length = end - start;
  const step = STEPS_MS.find((each) => length / each < MAX_LABELS) ?? length;
  return Array.from({ length: Math.floor(length / step) + 1 }, (_, n) => start + n * step);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
