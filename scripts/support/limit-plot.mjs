// The picture of how a limit was learned: an SVG that stands alone, in light and dark.
const WIDTH = 960;
const HEIGHT = 360;
const PLOT = { left: 52, right: 940, top: 56, bottom: 300 };

/**
 * @param {{ seconds: number, allowed: number, limit: { at: number, perSecond: number | undefined }[],
 *   taken: number[], refused: number[], summary: string }} data times in seconds from the first call; calls by second
 */
export function limitPlot({ seconds, allowed, limit, taken, refused, summary }) {
  const top = Math.ceil((allowed * 1.5) / 10) * 10;
  const x = (at) => PLOT.left + (at / seconds) * (PLOT.right - PLOT.left);
  const y = (value) => PLOT.bottom - (Math.min(value, top) / top) * (PLOT.bottom - PLOT.top);
  const n = (value) => Number(value.toFixed(1));
  const width = n((x(1) - x(0)) * 0.8);
  const bars = taken.map((count, second) => {
    const height = PLOT.bottom - y(count);
    return `<rect class="taken" x="${n(x(second + 0.1))}" y="${n(y(count))}" width="${width}" height="${n(height)}"/>`;
  });
  const marks = refused.flatMap((count, second) => {
    if (count === 0) return [];
    const at = n(x(second + 0.5));
    const bottom = PLOT.top - 4;
    const height = Math.min(26, 4 + 4 * Math.log2(count + 1));
    const label = `<text class="refused" x="${at}" y="${n(bottom - height - 3)}" text-anchor="middle">${count}</text>`;
    return [
      `<rect class="refused" x="${n(at - 2)}" y="${n(bottom - height)}" width="4" height="${n(height)}"/>${label}`,
    ];
  });
  const known = limit.filter(({ perSecond }) => perSecond !== undefined);
  const line = known.map(({ at, perSecond }, i) => `${i ? 'L' : 'M'}${n(x(at))} ${n(y(perSecond))}`).join('');
  const ticks = Array.from({ length: Math.floor(seconds / 10) + 1 }, (_, i) => i * 10);
  const levels = [0, allowed / 2, allowed, allowed * 1.5].filter((level) => level <= top);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-labelledby="t d">
<title id="t">A limit of ${allowed} calls a second, learned by three workers</title>
<desc id="d">${summary}</desc>
<style>
  svg { background: #fff; font: 13px system-ui, sans-serif; }
  text { fill: #333; }
  .grid { stroke: #ddd; }
  .allowed { stroke: #333; stroke-dasharray: 5 4; }
  rect.taken { fill: #b9d3ee; }
  .limit { fill: none; stroke: #14539a; stroke-width: 2.5; }
  rect.refused { fill: #b3261e; }
  text.refused { fill: #b3261e; font-size: 11px; }
  @media (prefers-color-scheme: dark) {
    svg { background: #161616; }
    text { fill: #ddd; }
    .grid { stroke: #333; }
    .allowed { stroke: #ddd; }
    rect.taken { fill: #2c4a68; }
    .limit { stroke: #7fb4ee; }
    rect.refused { fill: #f2867e; }
    text.refused { fill: #f2867e; }
  }
</style>
${levels.map((level) => `<line class="${level === allowed ? 'allowed' : 'grid'}" x1="${PLOT.left}" x2="${PLOT.right}" y1="${n(y(level))}" y2="${n(y(level))}"/><text x="${PLOT.left - 8}" y="${n(y(level) + 4)}" text-anchor="end">${level}</text>`).join('\n')}
${bars.join('\n')}
<path class="limit" d="${line}"/>
${marks.join('\n')}
${ticks.map((at) => `<text x="${n(x(at))}" y="${PLOT.bottom + 18}" text-anchor="middle">${at} s</text>`).join('\n')}
<g transform="translate(${PLOT.left} ${HEIGHT - 16})">
<rect class="taken" y="-10" width="14" height="10"/><text x="20">calls taken in each second</text>
<line class="limit" x1="200" x2="226" y1="-5" y2="-5"/><text x="232">limit the workers keep to</text>
<line class="allowed" x1="400" x2="426" y1="-5" y2="-5"/><text x="432">what the provider allows</text>
<rect class="refused" x="610" y="-11" width="4" height="12"/><text x="620">429s in that second</text>
</g>
</svg>
`;
}
