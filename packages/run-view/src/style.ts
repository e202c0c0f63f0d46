import type { Outcome } from './lanes.ts';

interface Colours {
  readonly paper: string;
  readonly ink: string;
  readonly quiet: string;
  readonly line: string;
  readonly bars: Readonly<Record<Outcome, string>>;
  readonly dead: string;
}

const LIGHT: Colours = {
  ...{ paper: '#ffffff', ink: '#1b1f24', quiet: '#57606a', line: '#d5d9de', dead: '#b3261e' },
  bars: {
    ...{ completed: '#1a7f4b', undone: '#8a5a00', rejected: '#b3261e', retried: '#a04a2c' },
    ...{ in_doubt: '#8a5a00', crashed: '#b3261e', running: '#1d5fb8' },
    ...{ found: '#1a7f4b', none: '#57606a', unanswered: '#a04a2c' },
  },
};

const DARK: Colours = {
  ...{ paper: '#14171a', ink: '#e6e8ea', quiet: '#9aa4ae', line: '#343a41', dead: '#ff8078' },
  bars: {
    ...{ completed: '#4cc38a', undone: '#e0b050', rejected: '#ff8078', retried: '#e59a7c' },
    ...{ in_doubt: '#e0b050', crashed: '#ff8078', running: '#6aa9ff' },
    ...{ found: '#4cc38a', none: '#9aa4ae', unanswered: '#e59a7c' },
  },
};

/** Both themes, inside the picture, so that it stands alone. */
export const STYLE = `text{font:12px system-ui,sans-serif;font-variant-numeric:tabular-nums}
.mono{font-family:ui-monospace,monospace}.bold{font-weight:600}text.small,.small{font-size:11px}.end{text-anchor:end}.mid{text-anchor:middle}
${theme(LIGHT)}
@media (prefers-color-scheme:dark){
${theme(DARK)}
}`;

function theme({ paper, ink, quiet, line, bars, dead }: Colours): string {
  const outcomes = Object.entries(bars).map(
    ([outcome, colour]) => `.b-${outcome}{fill:${colour};stroke:${colour}}`,
  );
  return [
    `.paper{fill:${paper}}text{fill:${ink}}text.quiet,.quiet{fill:${quiet}}text.dead{fill:${dead}}`,
    `.line{stroke:${line};fill:none}.wait{stroke:${quiet};fill:none}.hatch{stroke:${quiet}}`,
    `.zigzag{stroke:${quiet};fill:none}.mark{stroke:${ink};fill:none}.m-taken_over,.m-died{stroke:${dead};fill:none}`,
    ...outcomes,
    `.b-in_doubt,.b-crashed,.b-unanswered{fill:${paper}}.open{fill:none}.cross{stroke:${paper}}`,
  ].join('\n');
}
