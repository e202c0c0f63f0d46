import type { Run } from '@holdfast/engine';
import { drawBreak, drawLegend, drawMark, drawName, drawRow, HATCH } from './drawing.ts';
import { EDGE, type Layout, layOut, type Place } from './layout.ts';
import { pictureOf } from './picture.ts';
import type { AsOf } from './standing.ts';
import { storyOf, titleOf } from './story.ts';
import { STYLE } from './style.ts';
import { counted } from './words.ts';
import { fitted, legal, px, xml } from './xml.ts';

export interface TimelineOptions extends AsOf {
  /** From 280; below 560, names stand above their bars. Default 760. */
  readonly widthPx?: number;
}

const LEAST_WIDTH = 280;
const WIDTH = 760;

/** A run's timeline in words: what the picture's `<desc>` says. */
export function timelineStory(run: Run, { now }: AsOf): string {
  return legal(storyOf(pictureOf(run, now)));
}

/** How large the picture is, so that a page can keep its place free. */
export function timelineSize(
  run: Run,
  options: TimelineOptions,
): { readonly width: number; readonly height: number } {
  const { width, height } = placed(run, options);
  return { width, height };
}

/**
 * A run as a picture: an SVG document that stands alone, in the colours of either theme. It shows names of flow, steps, signals and
 * workers, codes of errors, and times; no payload and no message.
 */
export function timelineSvg(run: Run, options: TimelineOptions): string {
  const layout = placed(run, options);
  const { picture, width, height, narrow, scale, places, top, bottom } = layout;
  const title = legal(titleOf(run));
  const earlier =
    picture.earlier > 0 && !narrow
      ? xml`<text class="small quiet" x="${EDGE}" y="34">${counted(picture.earlier, 'earlier step')} left out</text>`
      : '';
  return xml`<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-labelledby="t d">
<title id="t">${title}</title>
<desc id="d">${legal(storyOf(picture))}</desc>
<style>!${STYLE}</style>
<defs>!${HATCH}</defs>
<rect class="paper" width="${width}" height="${height}"/>
<text class="bold" x="${EDGE}" y="17">${fitted(title, narrow ? 36 : 60)}</text>!${earlier}
!${drawAxis(layout)}
<path class="line" d="M${EDGE} ${top}H${width - EDGE}"/>
!${picture.rows.map((row, index) => at(places[index], (place) => drawRow(row, scale, place)))}
!${scale.breaks.map((each) => drawBreak(each, layout))}
!${picture.rows.map((row, index) => at(places[index], (place) => drawName(row, place)))}
!${layout.marks.map((mark) => drawMark(mark, layout))}
<path class="line" d="M${EDGE} ${bottom}H${width - EDGE}"/>
!${drawLegend(picture.rows, height - 12, width)}
</svg>
`;
}

/** What time it is along the way, since the start; and when that was. */
function drawAxis({ picture, width, narrow, scale, top, bottom }: Layout): string {
  const started = new Date(picture.start).toISOString().replace('T', ' ');
  const since = narrow ? started.slice(11, 19) : `${started.slice(0, 19)} UTC`;
  const last = width - EDGE;
  return xml`<text class="small quiet end" x="${last}" y="17">${narrow ? '' : 'from '}${since}</text>
!${scale.labels.map(({ x, text }) => {
    const anchor = x > last - 24 ? ' end' : x < EDGE + 24 ? '' : ' mid';
    return xml`<path class="line" d="M${px(x)} ${top}V${bottom}"/><text class="small quiet${anchor}" x="${px(x)}" y="34">${text}</text>`;
  })}`;
}

function at(place: Place | undefined, draw: (place: Place) => string): string {
  return place ? draw(place) : '';
}

function placed(run: Run, { now, widthPx = WIDTH }: TimelineOptions): Layout {
  return layOut(run, now, Math.max(LEAST_WIDTH, Math.round(widthPx)));
}
