import type { Overview } from '@holdfast/engine';
import { counted } from '@holdfast/run-view';
import { html } from 'ghtml';

/** Of the drawing's own space; it is stretched to the page's width. */
const WIDTH = 900;
const HEIGHT = 80;

/** Runs accepted in each span, and below the line those that died in it and are dead still. Coloured by the page's stylesheet. */
export function throughput({ spans, now }: Overview): string {
  const [first] = spans;
  if (!first) return '';
  const most = roundUp(Math.max(1, ...spans.map(({ accepted, died }) => Math.max(accepted, died))));
  const step = WIDTH / spans.length;
  const height = (count: number) => (count === 0 ? 0 : Math.max(2, (count / most) * HEIGHT));
  const bars = spans.map(({ from, accepted, died }, index) => {
    const x = index * step + 1;
    const [up, dead] = [height(accepted), height(died)];
    const at = `${new Date(from).toISOString().slice(11, 16)} UTC`;
    return html`<g><title>from ${at}: ${counted(accepted, 'run')} accepted, ${died} died</title><rect class="accepted" x="${x.toFixed(1)}" y="${(HEIGHT - up).toFixed(1)}" width="${(step - 2).toFixed(1)}" height="${up.toFixed(1)}"/><rect class="died" x="${(x + (step - 2) / 2).toFixed(1)}" y="${(HEIGHT - dead).toFixed(1)}" width="${((step - 2) / 2).toFixed(1)}" height="${dead.toFixed(1)}"/></g>`;
  });
  const accepted = spans.reduce((sum, span) => sum + span.accepted, 0);
  const died = spans.reduce((sum, span) => sum + span.died, 0);
  const minutes = Math.round((now - first.from) / 60_000);
  const story = `In the last ${minutes} minutes ${counted(accepted, 'run')} ${accepted === 1 ? 'was' : 'were'} accepted; ${died} died and ${died === 1 ? 'is' : 'are'} dead still.`;
  return html`<p class="legend quiet"><span class="c-accepted">accepted</span> <span class="c-died">dead still</span> <span>full height: ${counted(most, 'run')}</span></p>
<div class="chart"><svg viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" role="img" aria-label="${story}">
!${bars}
</svg>
<p class="axis"><span>${minutes} min ago</span><span>now</span></p></div>
<p class="quiet">${story}</p>
`;
}

/** To 1, 2 or 5 times a power of ten. */
function roundUp(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((n) => n * power).find((each) => each >= value) ?? value;
}
