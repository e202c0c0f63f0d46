import type { Bar, Outcome, Pause } from './lanes.ts';
import { CHAR_PX, EDGE, type Layout, type Place, type PlacedMark, UNDO_BELOW } from './layout.ts';
import { barsOf, pausesOf, type Row } from './picture.ts';
import type { Break, Scale } from './scale.ts';
import { OUTCOME_WORDS } from './story.ts';
import { inWords } from './words.ts';
import { fitted, legal, px, xml } from './xml.ts';

const BAR = 12;
const UNDO_BAR = 8;
/** A question has no effect: half as high. */
const LOOK_UP_BAR = 6;
/** So that what took next to no time is seen. */
const LEAST = 3;

export const HATCH = xml`<pattern id="hatch" width="5" height="5" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><path class="hatch" d="M0 0V5" stroke-width="1.6"/></pattern>`;

export function drawName(row: Row, { nameY, narrow }: Place): string {
  const name = legal(fitted(row.name, narrow ? 24 : 22));
  const note = legal(row.note);
  return narrow
    ? xml`<text class="bold" x="${EDGE}" y="${nameY}">${name} <tspan class="small quiet" font-weight="400" dx="4">${note}</tspan></text>`
    : xml`<text class="bold" x="${EDGE}" y="${nameY}">${name}</text><text class="small quiet" x="${EDGE}" y="${nameY + 14}">${note}</text>`;
}

export function drawRow(row: Row, scale: Scale, { y }: Place): string {
  return xml`<g>!${row.lane.pauses.map((pause) => drawPause(pause, scale, y))}
!${row.lane.bars.map((bar) => drawBar(bar, scale, y, BAR))}
!${row.undo ? drawUndo(row.undo, scale, y) : ''}</g>
`;
}

/** Below its step, with an arrow that runs back to what is taken back. */
function drawUndo({ lane, doneAt }: NonNullable<Row['undo']>, scale: Scale, y: number): string {
  const below = y + UNDO_BELOW;
  const first = Math.min(
    ...lane.bars.map(({ from }) => scale.x(from)),
    ...lane.pauses.map(({ from }) => scale.x(from)),
  );
  const to = scale.x(doneAt);
  const head = `M${px(to - 3.5)} ${y + BAR / 2 + 6}L${px(to)} ${y + BAR / 2 + 2}L${px(to + 3.5)} ${y + BAR / 2 + 6}`;
  const arrow = Number.isFinite(first)
    ? xml`<path class="b-undone open" d="M${px(first)} ${below}H${px(to)}V${y + BAR / 2 + 2}${head}"/>`
    : '';
  return xml`!${arrow}!${lane.pauses.map((pause) => drawPause(pause, scale, below))}!${lane.bars.map((bar) => drawBar(bar, scale, below, UNDO_BAR))}`;
}

function drawBar(bar: Bar, scale: Scale, y: number, height: number): string {
  const { from, to, outcome, code, lookUp, answered } = bar;
  const x = scale.x(from);
  const width = Math.max(LEAST, scale.x(to) - x);
  const lasted = to > from ? `, ${inWords(to - from)}` : '';
  const by = answered ? ', as a person said' : '';
  const title = legal(`${OUTCOME_WORDS[outcome]}${code ? `: ${code}` : ''}${lasted}${by}`);
  return xml`<g><title>${title}</title>!${shape(outcome, x, y, width, lookUp ? LOOK_UP_BAR : height)}</g>`;
}

/** Colour says how it went, and the shape says it again. */
function shape(outcome: Outcome, x: number, y: number, width: number, height: number): string {
  const top = y - height / 2;
  const open = outcome === 'in_doubt' || outcome === 'crashed' || outcome === 'unanswered';
  const dots = open ? xml` stroke-width="1.5" stroke-dasharray="2 2"` : '';
  const box = xml`<rect class="b-${outcome}" x="${px(x)}" y="${top}" width="${px(width)}" height="${height}" rx="2"!${dots}/>`;
  const middle = x + width / 2;
  if ((outcome === 'rejected' || outcome === 'retried') && width >= 10) {
    return xml`!${box}<path class="cross" stroke-width="1.5" d="M${px(middle - 3)} ${y - 3}l6 6m0 -6l-6 6"/>`;
  }
  if (outcome === 'running') {
    return xml`!${box}<path class="b-running" d="M${px(x + width)} ${top}l6 ${height / 2}l-6 ${height / 2}z"/>`;
  }
  return box;
}

function drawPause({ from, to, reason }: Pause, scale: Scale, y: number): string {
  const [x, end] = [scale.x(from), scale.x(to)];
  const width = end - x;
  const title = legal(`waits ${inWords(to - from)}: ${reason}`);
  const broken = scale.breaks.find((each) => each.from < to && each.to > from);
  const room = Math.floor((broken ? broken.fromX - x : width) / CHAR_PX) - 1;
  const words =
    reason.length <= room
      ? xml`<text class="small quiet" x="${px(x + 4)}" y="${y - 6}">${legal(reason)}</text>`
      : '';
  return xml`<g><title>${title}</title><rect fill="url(#hatch)" x="${px(x)}" y="${y - 2.5}" width="${px(Math.max(1, width))}" height="5"/>!${words}</g>`;
}

/** A zigzag over all rows, with how long it stands for. */
export function drawBreak({ from, to, fromX, toX }: Break, { top, bottom }: Layout): string {
  const middle = (fromX + toX) / 2;
  const edges = [middle - 5, middle + 5].map((x) => zigzag(x, top + 14, bottom));
  return xml`<g><title>${inWords(to - from)} left out</title><path class="paper" d="${edges[0] ?? ''}L!${(edges[1] ?? '').slice(1).split('L').toReversed().join('L')}Z"/>
!${edges.map((d) => xml`<path class="zigzag" d="${d}"/>`)}<text class="small quiet mid" x="${px(middle)}" y="${top + 9}">${inWords(to - from)}</text></g>`;
}

function zigzag(x: number, from: number, to: number): string {
  const turns = Math.max(2, Math.round((to - from) / 6));
  const points = Array.from(
    { length: turns + 1 },
    (_, n) => `${px(x + (n % 2 === 0 ? -2 : 2))} ${px(from + ((to - from) * n) / turns)}`,
  );
  return `M${points.join('L')}`;
}

export function drawMark({ mark, x, textY, anchor }: PlacedMark, { top, bottom }: Layout): string {
  const side = { start: '', middle: ' mid', end: ' end' }[anchor];
  const bad = mark.kind === 'died' || mark.kind === 'taken_over' ? 'dead' : 'quiet';
  return xml`<g><path class="mark m-${mark.kind}" stroke-width="1.5" d="M${px(x)} ${top}V${bottom + 3}"/><text class="small ${bad}${side}" x="${px(x)}" y="${textY}">${legal(mark.label)}</text></g>
`;
}

/** What the colours stand for, of those that are there. */
export function drawLegend(rows: readonly Row[], y: number, width: number): string {
  const outcomes = [...new Set(rows.flatMap((row) => barsOf(row).map(({ outcome }) => outcome)))];
  const parts: string[] = [];
  let x = EDGE;
  const add = (sample: (x: number) => string, words: string) => {
    const end = x + 20 + words.length * CHAR_PX;
    if (end > width - EDGE) return;
    parts.push(xml`!${sample(x)}<text class="small quiet" x="${px(x + 16)}" y="${y + 4}">${words}</text>`);
    x = end + 14;
  };
  for (const outcome of outcomes) {
    add((at) => shape(outcome, at, y, outcome === 'running' ? 6 : 10, 8), OUTCOME_WORDS[outcome]);
  }
  if (rows.some((row) => pausesOf(row).length > 0)) {
    add(
      (at) => xml`<rect fill="url(#hatch)" x="${px(at)}" y="${y - 2.5}" width="12" height="5"/>`,
      'waiting',
    );
  }
  return parts.join('');
}
