import type { Delayed } from './outcome.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
const MONTH = '(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)';
const TIME = '\\d{2}:\\d{2}:\\d{2}';

/** The three forms of an HTTP-date (RFC 9110, 5.6.7). `Date.parse` alone takes far more, and reads asctime as local time. */
const IMF_FIXDATE = new RegExp(`^[A-Z][a-z]{2}, \\d{2} ${MONTH} \\d{4} ${TIME} GMT$`);
const RFC_850 = new RegExp(`^[A-Z][a-z]+day, \\d{2}-${MONTH}-\\d{2} ${TIME} GMT$`);
const ASCTIME = new RegExp(`^[A-Z][a-z]{2} ${MONTH} [ \\d]\\d ${TIME} \\d{4}$`);

/**
 * Reads a Retry-After header, in either of its forms.
 * @param value the header; absent or malformed gives no delay
 * @param date the response's own Date header: a date is measured against the provider's clock, not ours
 * @param receivedAtMs Unix milliseconds, ours; stands in for a Date header that is missing or malformed
 * @returns a delay of 0 for a date that is past, and of a day at most
 */
export function readRetryAfter(
  value: string | undefined,
  date: string | undefined,
  receivedAtMs: number,
): Delayed {
  const text = value?.trim() ?? '';
  const delayMs = /^\d+$/.test(text)
    ? Number(text) * 1000
    : parseHttpDate(text) - orElse(parseHttpDate(date?.trim() ?? ''), receivedAtMs);
  if (Number.isNaN(delayMs)) return {};
  if (delayMs > DAY_MS) return { retryAfterMs: DAY_MS, retryAfterCapped: true };
  return { retryAfterMs: Math.max(0, delayMs) };
}

/** @returns Unix milliseconds; NaN for what is no HTTP-date. */
function parseHttpDate(text: string): number {
  if (IMF_FIXDATE.test(text) || RFC_850.test(text)) return Date.parse(text);
  return ASCTIME.test(text) ? Date.parse(`${text} GMT`) : Number.NaN;
}

function orElse(time: number, fallback: number): number {
  return Number.isNaN(time) ? fallback : time;
}
