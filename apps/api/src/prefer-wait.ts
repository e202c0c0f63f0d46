export const MAX_WAIT_SECONDS = 60;

/** One preference of RFC 7240, such as `wait=10` or `foo="a, b"; bar`, up to the comma or the end. */
const PREFERENCE =
  /[\s,]*([!#$%&'*+.^_`|~\w-]+)(?:\s*=\s*("(?:[^"\\]|\\.)*"|[!#$%&'*+.^_`|~\w-]+))?(?:\s*;(?:"(?:[^"\\]|\\.)*"|[^",])*)?\s*(?:,|$)/y;

/**
 * How long the client would like us to wait, by its `Prefer: wait=N` (RFC 7240).
 * @returns whole seconds, at most 60; undefined when the header has no such preference, or none that can be read
 */
export function preferredWaitSeconds(header: string | readonly string[] | undefined): number | undefined {
  if (header === undefined) return undefined;
  const text = typeof header === 'string' ? header : header.join(',');
  PREFERENCE.lastIndex = 0;
  for (let match = PREFERENCE.exec(text); match !== null; match = PREFERENCE.exec(text)) {
    const [, name, value] = match;
    if (name?.toLowerCase() !== 'wait') continue;
    // The first one counts; the RFC says to ignore what cannot be read.
    const seconds = /^"?(\d{1,9})"?$/.exec(value ?? '')?.[1];
    return seconds === undefined ? undefined : Math.min(Number(seconds), MAX_WAIT_SECONDS);
  }
  return undefined;
}
