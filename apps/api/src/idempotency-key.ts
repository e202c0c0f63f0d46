import type { IncomingMessage } from 'node:http';
import { ProblemError } from './problems.ts';

const VISIBLE_ASCII = /^[\x21-\x7e]{1,255}$/;
/** A string as RFC 9651 (structured fields) writes it: in double quotes, `"` and `\` escaped. */
const QUOTED = /^"((?:[^"\\]|\\["\\])*)"$/;

/**
 * Reads the Idempotency-Key, bare or quoted: the same key either way. Two headers are refused rather than joined: nobody could
 * tell which one was meant.
 * @throws ProblemError `idempotency_key_missing` or `idempotency_key_invalid`
 */
export function readIdempotencyKey(request: Pick<IncomingMessage, 'headersDistinct'>): string {
  const [value, ...more] = request.headersDistinct['idempotency-key'] ?? [];
  if (value === undefined) {
    throw new ProblemError('idempotency_key_missing', 'Send an Idempotency-Key header.');
  }
  if (more.length > 0) throw invalid('it was sent more than once');
  if (!value.startsWith('"')) return checkIdempotencyKey(value);

  const quoted = QUOTED.exec(value)?.[1];
  if (quoted === undefined) throw invalid('it starts with a quote but is not a single quoted string');
  return checkIdempotencyKey(quoted.replace(/\\(["\\])/g, '$1'));
}

/** @throws ProblemError `idempotency_key_invalid` */
export function checkIdempotencyKey(key: string): string {
  if (VISIBLE_ASCII.test(key)) return key;
  if (key === '') throw invalid('it is empty');
  if (key.length > 255) throw invalid(`it has ${key.length} characters, at most 255 are allowed`);
  throw invalid('it has a space or another character that is not visible ASCII');
}

function invalid(why: string): ProblemError {
  return new ProblemError(
    'idempotency_key_invalid',
    `The Idempotency-Key is not valid: ${why}. Send 1 to 255 visible ASCII characters, bare or in double quotes.`,
  );
}
