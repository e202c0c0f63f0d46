import type { Run } from '@holdfast/engine';
import type { Outcome } from './lanes.ts';
import { barsOf, type Mark, type Picture, pausesOf, type Row } from './picture.ts';
import { counted, inWords } from './words.ts';

export const OUTCOME_WORDS: Readonly<Record<Outcome, string>> = {
  completed: 'done',
  undone: 'undone',
  rejected: 'refused',
  retried: 'failed',
  in_doubt: 'in doubt',
  crashed: 'cut off by a crash',
  running: 'under way',
  found: 'look-up: it happened',
  none: 'look-up: nothing there',
  unanswered: 'look-up: no answer',
};

export function titleOf({ flow, id, status }: Run): string {
  return `${flow} ${shortId(id)}: ${status}`;
}

/** What the timeline shows, told in the order of time within each row. */
export function storyOf(picture: Picture): string {
  const { start, end, rows, earlier, marks } = picture;
  const since = (at: number) => `at ${inWords(at - start)}`;
  const told = rows.map((row) => `${row.name} (${row.note}): ${rowStory(row, since)}.`);
  const moments = marks.map(({ at, label }: Mark) => `${since(at)} ${label}`);
  const whole = moments.length > 0 ? ` Of the whole run: ${moments.join('; ')}.` : '';
  const left = earlier > 0 ? `, without ${counted(earlier, 'earlier step')}` : '';
  return `${inWords(end - start)} in all${left}. ${told.join(' ')}${whole}`;
}

function rowStory(row: Row, since: (at: number) => string): string {
  const back = new Set(row.undo?.lane.bars);
  const bars = barsOf(row).map((bar) => {
    const lasted = bar.to > bar.from ? ` after ${inWords(bar.to - bar.from)}` : '';
    const by = bar.answered ? ', as a person said' : '';
    const what = `${OUTCOME_WORDS[bar.outcome]}${bar.code ? ` (${bar.code})` : ''}${by}`;
    return { at: bar.from, text: `${back.has(bar) ? 'undo ' : ''}${since(bar.from)} ${what}${lasted}` };
  });
  const pauses = pausesOf(row).map(({ from, to, reason }) => ({
    at: from,
    text: `${since(from)} waits ${inWords(to - from)} (${reason})`,
  }));
  return [...bars, ...pauses]
    .sort((a, b) => a.at - b.at)
    .map(({ text }) => text)
    .join(', ');
}

export function shortId(id: string): string {
  return id.length > 16 ? `${id.slice(0, 8)}…${id.slice(-4)}` : id;
}
