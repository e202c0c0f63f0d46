const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** Large first; each with what it is made of, for the second figure. */
const UNITS = [
  { ms: DAY_MS, name: 'd' },
  { ms: HOUR_MS, name: 'h' },
  { ms: MINUTE_MS, name: 'min' },
  { ms: SECOND_MS, name: 's' },
] as const;

/** A length of time for people: `3 d 4 h`, `2 min 5 s`, `1.2 s`, `40 ms`. */
export function inWords(ms: number): string {
  if (ms < SECOND_MS) return `${Math.max(0, Math.round(ms))} ms`;
  if (ms < 9.95 * SECOND_MS) return `${trimmed((ms / SECOND_MS).toFixed(1))} s`;
  const whole = Math.round(ms / SECOND_MS) * SECOND_MS;
  const unit = UNITS.findIndex((each) => whole >= each.ms);
  const [large, small] = [UNITS[unit], UNITS[unit + 1]];
  if (!large) return `${Math.round(ms)} ms`;
  const rest = small ? Math.floor((whole % large.ms) / small.ms) : 0;
  const first = `${Math.floor(whole / large.ms)} ${large.name}`;
  return small && rest > 0 ? `${first} ${rest} ${small.name}` : first;
}

/** A moment in UTC, with its date only when that is not today's: `03:12 UTC`, `21 Nov 03:12 UTC`. */
export function moment(unixMs: number, now: number): string {
  const at = new Date(unixMs);
  const time = `${at.toISOString().slice(11, 16)} UTC`;
  const [day, today] = [at.toISOString().slice(0, 10), new Date(now).toISOString().slice(0, 10)];
  if (day === today) return time;
  const month = at.toLocaleString('en', { month: 'short', timeZone: 'UTC' });
  const year = day.slice(0, 4) === today.slice(0, 4) ? '' : ` ${day.slice(0, 4)}`;
  return `${at.getUTCDate()} ${month}${year} ${time}`;
}

/** `charge`; `charge and reserve`; `charge, reserve and ship`. */
export function listed(names: readonly string[]): string {
  const [last, ...before] = names.toReversed();
  if (last === undefined) return '';
  return before.length === 0 ? last : `${before.toReversed().join(', ')} and ${last}`;
}

/** `1 attempt`, `4 attempts`. */
export function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}

/** Without a full stop at its end, so that it fits into a sentence; and on one line. */
export function phrase(text: string, max = 200): string {
  const line = text.replaceAll(/\s+/g, ' ').trim();
  const short = line.length > max ? `${line.slice(0, max - 1).trimEnd()}…` : line;
  return short.replace(/[.!]+$/, '');
}

function trimmed(decimal: string): string {
  return decimal.replace(/\.0$/, '');
}
