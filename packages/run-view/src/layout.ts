import type { Run } from '@holdfast/engine';
import { barsOf, type Mark, type Picture, pausesOf, pictureOf } from './picture.ts';
import { type Scale, scaleOf } from './scale.ts';

/** Where a row is drawn. */
export interface Place {
  /** The middle of its bars. */
  readonly y: number;
  /** Where its name's first line stands. */
  readonly nameY: number;
  readonly narrow: boolean;
}

/** Everything in its place, before it is drawn. Lengths are pixels. */
export interface Layout {
  readonly picture: Picture;
  readonly width: number;
  readonly height: number;
  readonly narrow: boolean;
  readonly scale: Scale;
  readonly places: readonly Place[];
  /** What the vertical lines reach over. */
  readonly top: number;
  readonly bottom: number;
  readonly marks: readonly PlacedMark[];
}

export interface PlacedMark {
  readonly mark: Mark;
  readonly x: number;
  readonly textY: number;
  /** Where its text is held, so that it stays inside the picture. */
  readonly anchor: 'start' | 'middle' | 'end';
}

/** Below this, names stand above their bars. */
const NARROW_BELOW = 560;
const NAMES = 168;
export const EDGE = 12;
export const UNDO_BELOW = 18;
const TOP = 46;
const LEGEND = 26;
const LINE = 15;
/** What a character takes at most, on average. */
export const CHAR_PX = 6.2;

export function layOut(run: Run, now: number, width: number): Layout {
  const picture = pictureOf(run, now);
  const { start, end, rows, marks } = picture;
  const narrow = width < NARROW_BELOW;
  const busy = [
    ...rows.flatMap((row) => barsOf(row)),
    ...marks.map(({ at }) => ({ from: at, to: at })),
    // where a wait begins and ends something happens, too
    ...rows.flatMap((row) =>
      pausesOf(row).flatMap(({ from, to }) => [from, to].map((at) => ({ from: at, to: at }))),
    ),
  ];
  const scale = scaleOf({ start, end, busy, left: narrow ? EDGE : NAMES, right: width - EDGE - 4 });
  const places: Place[] = [];
  let y = TOP;
  for (const row of rows) {
    places.push(narrow ? { y: y + 34, nameY: y + 14, narrow } : { y: y + 18, nameY: y + 15, narrow });
    y += (narrow ? 48 : 38) + (row.undo ? UNDO_BELOW : 0);
  }
  const bottom = Math.max(y, TOP + 20);
  const { placed, lines } = placeMarks(marks, scale, bottom, width);
  const height = bottom + lines * LINE + LEGEND + 4;
  return { picture, width, height, narrow, scale, places, top: TOP - 6, bottom, marks: placed };
}

/** Below the rows, in as many lines as are needed for the texts not to touch. */
function placeMarks(
  marks: readonly Mark[],
  scale: Scale,
  bottom: number,
  width: number,
): { readonly placed: readonly PlacedMark[]; readonly lines: number } {
  const ends: number[] = [];
  const placed = marks.map((mark) => {
    const x = scale.x(mark.at);
    const half = (mark.label.length * CHAR_PX) / 2;
    const anchor = x - half < EDGE ? 'start' : x + half > width - EDGE ? 'end' : 'middle';
    const from = anchor === 'start' ? x : anchor === 'end' ? x - 2 * half : x - half;
    const free = ends.findIndex((end) => end + 10 < from);
    const line = free === -1 ? ends.length : free;
    ends[line] = from + 2 * half;
    return { mark, x, textY: bottom + 13 + line * LINE, anchor } as const;
  });
  return { placed, lines: ends.length };
}
