import ms from 'ms';

/** A duration with its unit: `'500ms'`, `'10s'`, `'3d'`, or a whole number of milliseconds. */
export type DurationInput = ms.StringValue | number;

/** @returns whole milliseconds. @throws RangeError naming the input when it is no duration or negative. */
export function toMs(duration: DurationInput): number {
  const value = typeof duration === 'number' ? duration : parse(duration);
  if (!Number.isFinite(value) || value < 0) {
    throw new RangeError(
      `${JSON.stringify(duration)} is not a duration; write one like "500ms", "10s" or "3d"`,
    );
  }
  return Math.round(value);
}

/** `ms` takes a bare number as milliseconds; a string of ours always names its unit. */
function parse(text: ms.StringValue): number {
  return /[a-z]\s*$/i.test(text) ? ms(text) : Number.NaN;
}
