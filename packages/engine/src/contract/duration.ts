import ms from 'ms';

/** A duration with its unit: `'500ms'`, `'10s'`, `'3d'`, or a whole number of milliseconds. */
export type DurationInput = ms.StringValue | number;

/** @returns whole milliseconds. @throws RangeError naming the input when it is no duration or negative. */
export function toMs(duration: DurationInput): number {
  const known = KNOWN.get(duration);
  if (known !== undefined) return known;
  const value = typeof duration === 'number' ? duration : parse(duration);
  if (!Number.isFinite(value) || value < 0) {
    throw new RangeError(
      `${JSON.stringify(duration)} is not a duration; write one like "500ms", "10s" or "3d"`,
    );
  }
  const wholeMs = Math.round(value);
  if (typeof duration === 'string' && KNOWN.size < MAX_KNOWN) KNOWN.set(duration, wholeMs);
  return wholeMs;
}

/** Steps name the same few durations in every run. */
const KNOWN = new Map<DurationInput, number>();
const MAX_KNOWN = 1_000;

/** `ms` takes a bare number as milliseconds; a string of ours always names its unit. */
function parse(text: ms.StringValue): number {
  return /[a-z]\s*$/i.test(text) ? ms(text) : Number.NaN;
}
