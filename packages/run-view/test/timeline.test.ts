import type { Run } from '@holdfast/engine';
import { describe, expect, it } from 'vitest';
import { timelineSize, timelineStory, timelineSvg } from '../src/index.ts';
import { scaleOf } from '../src/scale.ts';
import * as runs from './support/runs.ts';

const NOW = runs.T0 + 3_000;
const draw = (run: Run, widthPx?: number) => timelineSvg(run, { now: NOW, ...(widthPx && { widthPx }) });

/** How many bars of each outcome there are, the legend's samples left out. */
function bars(svg: string): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const [, outcome = ''] of svg.matchAll(/<\/title><rect class="b-(\w+)"/g)) {
    counts[outcome] = (counts[outcome] ?? 0) + 1;
  }
  return counts;
}

const names = (svg: string) =>
  [...svg.matchAll(/<text class="bold" x="12" y="\d+">([^<]+)/g)].slice(1).map(([, name]) => name?.trim());

describe('a row per step, in order', () => {
  it('with a bar per attempt, in the colour of its outcome', () => {
    const svg = draw(runs.straight);
    expect(names(svg)).toEqual(['charge', 'reserve', 'ship', 'email']);
    expect(bars(svg)).toEqual({ completed: 4 });
    expect(bars(draw(runs.dead))).toEqual({ completed: 2, retried: 4 });
    expect(bars(draw(runs.underWay))).toEqual({ completed: 1, running: 1 });
  });

  it('with hatched waits between attempts, and why', () => {
    const svg = draw(runs.retrying);
    expect(svg.match(/<title>waits [^<]+: retry<\/title><rect fill="url\(#hatch\)"/g)).toHaveLength(3);
    expect(draw(runs.straight)).not.toContain('url(#hatch)');
    const sleeper = timelineSvg(runs.sleeper, { now: runs.T0 + 4_000_000 });
    expect(sleeper).toContain('<title>waits 1 h: timer</title>');
    expect(sleeper).toContain('<title>waits 6 min 40 s: signal payment.settled</title>');
  });

  it('with a tick and the worker where a run was taken over, and what the crash cut off dotted before it', () => {
    const svg = draw(runs.survivor);
    expect(svg).toMatch(/class="mark m-taken_over".*taken over by worker 3f2a91bc/);
    expect(bars(svg)).toEqual({ completed: 4, crashed: 1 });
    expect(svg).toMatch(/class="b-crashed"[^>]+stroke-dasharray/);
  });

  it('with what is in doubt as a dotted outline', () => {
    const svg = draw(runs.inDoubt);
    expect(svg).toMatch(
      /<title>in doubt: timeout, 3 s<\/title><rect class="b-in_doubt"[^>]+stroke-dasharray/,
    );
    expect(svg).toContain('m-died');
  });

  it('with the undo below its step, attempts and all, and an arrow back', () => {
    const svg = draw(runs.undone);
    expect(bars(svg)).toEqual({ completed: 1, retried: 1, undone: 1, rejected: 1 });
    const y = (outcome: string) =>
      Number(new RegExp(`b-${outcome}" x="[\\d.]+" y="([\\d.]+)"`).exec(svg)?.[1]);
    expect(y('undone')).toBeGreaterThan(y('completed'));
    expect(y('undone')).toBeLessThan(y('rejected'));
    expect(svg).toContain('class="b-undone open"');
  });
});

it('shows what was put off without asking as one wait, and as no attempt', () => {
  const put = runs.failed('ship', 1, 200, 210, 2_300, { kind: 'throttled', code: 'breaker_open' });
  const run: Run = {
    ...runs.dead,
    events: [{ ...put, putOff: true, sent: false }, ...runs.dead.events.slice(2)],
  };
  const svg = draw(run);
  expect(bars(svg)).toEqual({ completed: 2, retried: 2 });
  expect(svg).toContain('<title>waits 2.1 s: provider down</title>');
});

it('breaks a wait that dwarfs the rest, and says how long it was', () => {
  const svg = draw(runs.redriven);
  expect(svg.match(/class="zigzag"/g)).toHaveLength(2);
  expect(svg).toContain('>2 d 23 h</text>');
  expect(draw(runs.dead)).not.toContain('class="zigzag"');
});

it('shows an effect that a person said had happened', () => {
  const {
    status: _,
    error: _error,
    deaths: _deaths,
    ...common
  } = runs.inDoubt as Extract<Run, { status: 'dead' }>;
  const resolved: Run = {
    ...common,
    steps: [...common.steps.slice(0, 2), runs.step('label', 'completed', 200, 9_000, { answered: true })],
    events: [...common.events, runs.event('resolved', 9_000)],
    ...{ status: 'completed', output: null, finishedAt: runs.T0 + 9_100 },
  };
  const story = timelineStory(resolved, { now: NOW });
  expect(story).toContain('label (done): at 200 ms in doubt (timeout) after 3 s');
  expect(story).toContain('at 9 s done, as a person said');
});

it('has three to five round labels, whatever the length', () => {
  for (const end of [7, 90, 472, 2_672, 11_000, 59_000, 400_000, 5_000_000, 90_000_000, 3e9]) {
    const { labels } = scaleOf({ start: 0, end, left: 168, right: 744, busy: [{ from: 0, to: end }] });
    expect(labels.length, `${end}`).toBeGreaterThanOrEqual(3);
    expect(labels.length, `${end}`).toBeLessThanOrEqual(5);
    for (const { text } of labels) expect(text).toMatch(/^(0|\d+(\.5)? (ms|s|min|h|d))$/);
  }
});

it('keeps everything inside, at each width, and says beforehand how large it will be', () => {
  for (const run of Object.values(runs).filter((each): each is Run => typeof each === 'object')) {
    for (const widthPx of [280, 336, 760]) {
      const svg = draw(run, widthPx);
      const { width, height } = timelineSize(run, { now: NOW, widthPx });
      expect(width).toBe(widthPx);
      expect(svg).toContain(`width="${width}" height="${height}" viewBox="0 0 ${width} ${height}"`);
      for (const [, x, y] of svg.matchAll(/ x="([^"]+)" y="([^"]+)"/g)) {
        expect(Number(x)).toBeGreaterThanOrEqual(0);
        expect(Number(x)).toBeLessThanOrEqual(width);
        expect(Number(y)).toBeLessThanOrEqual(height);
      }
      expect(svg).not.toMatch(/NaN|Infinity|undefined|\[object/);
    }
  }
});

it('tells the same story in words, in its title and description', () => {
  const svg = draw(runs.dead);
  expect(svg).toContain('<title id="t">order run_0123…cdef: dead</title>');
  expect(svg).toContain(`<desc id="d">${timelineStory(runs.dead, { now: NOW })}</desc>`);
  expect(timelineStory(runs.dead, { now: NOW })).toBe(
    '4.7 s in all. charge (done): at 4 ms done after 126 ms. reserve (done): at 131 ms done after 59 ms. ' +
      'ship (failed, 4 attempts): at 200 ms failed (service_unavailable) after 220 ms, at 420 ms waits 480 ms (retry), ' +
      'at 905 ms failed (service_unavailable) after 215 ms, at 1.1 s waits 1.2 s (retry), ' +
      'at 2.3 s failed (service_unavailable) after 197 ms, at 2.5 s waits 1.9 s (retry), ' +
      'at 4.4 s failed (service_unavailable) after 295 ms. Of the whole run: at 4.7 s dead.',
  );
});

it('stands alone: both themes inside, nothing from elsewhere, no script', () => {
  const svg = draw(runs.undone);
  expect(svg).toContain('@media (prefers-color-scheme:dark)');
  expect(svg).not.toMatch(/href|@import|<script|\son\w+=|\sstyle=|url\((?!#hatch)/);
});

it('draws the last sixty of many steps, and says how many came before', () => {
  const steps = Array.from({ length: 100 }, (_, n) =>
    runs.step(`item-${n}`, 'completed', n * 10, n * 10 + 9),
  );
  const svg = draw({ ...runs.straight, steps });
  expect(names(svg)).toHaveLength(60);
  expect(svg).toContain('40 earlier steps left out');
  expect(svg.length).toBeLessThan(40_000);
});

it('holds no payload and no message', () => {
  for (const run of [runs.straight, runs.undone, runs.inDoubt]) {
    expect(draw(run)).not.toMatch(/secret|the provider answered|out of stock/);
  }
});

it('escapes every text, and leaves out what no XML may hold', () => {
  const nasty = '</text><script>alert("1")</script>&\u0000\u001b\ud800\'';
  const run: Run = {
    ...runs.survivor,
    flow: nasty,
    steps: [runs.step(nasty, 'running', 3)],
    waits: [{ kind: 'signal', name: nasty, startedAt: runs.T0 }],
    events: [
      runs.failed(nasty, 1, 5, 900, 1_500, { code: nasty }),
      { kind: 'taken_over', at: runs.T0 + 1_900, worker: '<b>&"' },
    ],
  };
  const svg = draw(run);
  expect(svg).not.toMatch(/<script|<b>|<\/text><\/text>/);
  const illegal = [...svg].filter(
    (c) => c !== '\n' && (c < ' ' || (c >= '\ud800' && c <= '\udfff' && c.length === 1)),
  );
  expect(illegal).toEqual([]);
  expect(svg).not.toMatch(/&(?!#\d+;)/);
});
