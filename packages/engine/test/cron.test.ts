import { describe, expect, it } from 'vitest';
import { cronFault, nextTime, timesAfter } from '../src/schedules/cron.ts';

const at = (text: string) => Date.parse(text);

function next(cron: string, timezone: string, after: string, count: number): string[] {
  const times: string[] = [];
  for (const time of timesAfter({ cron, timezone }, at(after))) {
    times.push(new Date(time).toISOString());
    if (times.length === count) break;
  }
  return times;
}

describe('when the clocks change', () => {
  it('a time that does not exist is at the first moment that does', () => {
    expect(next('30 2 * * *', 'Europe/Berlin', '2026-03-28T12:00:00Z', 2)).toEqual([
      '2026-03-29T01:00:00.000Z',
      '2026-03-30T00:30:00.000Z',
    ]);
  });

  it('a time that comes twice is at its first', () => {
    expect(next('30 2 * * *', 'Europe/Berlin', '2026-10-24T12:00:00Z', 2)).toEqual([
      '2026-10-25T00:30:00.000Z',
      '2026-10-26T01:30:00.000Z',
    ]);
  });

  it('with every hour, or a step, it goes by the time that passes', () => {
    const hourly = ['00', '01', '02', '03'].map((hour) => `2026-10-25T${hour}:00:00.000Z`);
    expect(next('0 * * * *', 'Europe/Berlin', '2026-10-24T23:00:00Z', 4)).toEqual(hourly);
    expect(next('*/30 * * * *', 'Europe/Berlin', '2026-03-29T00:30:00Z', 3)).toEqual([
      '2026-03-29T01:00:00.000Z',
      '2026-03-29T01:30:00.000Z',
      '2026-03-29T02:00:00.000Z',
    ]);
  });
});

it('is in UTC unless it is said otherwise, and strictly later', () => {
  const daily = { cron: '0 9 * * *', timezone: 'UTC' };
  expect(nextTime(daily, at('2026-01-31T09:00:00Z'))).toBe(at('2026-02-01T09:00:00Z'));
  expect(nextTime(daily, at('2026-01-31T08:59:59.999Z'))).toBe(at('2026-01-31T09:00:00Z'));
});

it.each([
  ['0 9 * *', 'UTC', 'cron'],
  ['0 0 9 * * *', 'UTC', 'cron'],
  ['@daily', 'UTC', 'cron'],
  ['61 * * * *', 'UTC', 'cron'],
  ['0 0 30 2 *', 'UTC', 'cron'],
  ['', 'UTC', 'cron'],
  ['0 9 * * *', 'Mars/Olympus', 'timezone'],
  ['0 9 * * *', '', 'timezone'],
])('%j in %j does not fit', (cron, timezone, path) => {
  expect(cronFault({ cron, timezone })).toMatchObject({ path });
});
