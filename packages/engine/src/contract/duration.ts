import ms from 'ms';

/** A duration with its unit: `'500ms'`, `'10s'`, `'3d'`, or a whole number of milliseconds. */
export type DurationInput = ms.StringValue | number;

/** Longer than anything waits; what ends after it is still a date. */
const MAX_MS = 100 * 365.25 * 24 * 60 * 60 * 1_000;

/** @returns whole milliseconds. @throws RangeError naming the input when it is no duration, negative, or more than 100 years. */
export function toMs(duration: DurationInput): number {
  const known = KNOWN.get(duration);
  if (known !== undefined) return known;
  const value = typeof duration === 'number' ? duration : parse(duration);
  if (!Number.isFinite(value) || value < 0) {
    throw new RangeError(
      `${JSON.stringify(duration)} is not a duration; write one like "500ms", "10s" or "3d"`,
    );
  }
  if (value > MAX_MS)
    throw new RangeError(`${JSON.stringify(duration)} is too long; a duration is 100 years at most`);
  const wholeMs = Math.round(value);
  if (typeof duration === 'string' && KNOWN.size < MAX_KNOWN) KNOWN.set(duration, wholeMs);
  return wholeMs;
}

/** Steps name the same few durations in every run. */
const KNOWN = new Map<DurationInput, number>();
const MAX_KNOWN = 1_000;

/** The longest that a timer of Node's can be. */
export const MAX_TIMER_MS = 2 ** 31 - 1;

/** A timer as long as any duration. @returns ends it early */
export function startTimer(ms: number, onEnd: () => void): () => void {
  let timer: NodeJS.Timeout;
  const wait = (leftMs: number) => {
    timer = setTimeout(
      () => (leftMs > MAX_TIMER_MS ? wait(leftMs - MAX_TIMER_MS) : onEnd()),
      Math.min(leftMs, MAX_TIMER_MS),
    );
  };
  wait(ms);
  return () => clearTimeout(timer);
}

/** `ms` takes a bare number as milliseconds; a string of ours always names its unit. */
function parse(text: ms.StringValue): number {
  return /[a-z]\s*$/i.test(text) ? ms(text) : Number.NaN;
}
