import type { StateCondition } from '@holdfast/engine';
import type { FastifyRequest } from 'fastify';
import { ProblemError } from './problems.ts';

/**
 * What If-Match and If-None-Match ask of a value before it is changed (RFC 9110, 13.1).
 * @throws ProblemError `header_invalid`
 */
export function conditionOf({ headers }: FastifyRequest): StateCondition {
  const match = headers['if-match'];
  const noneMatch = headers['if-none-match'];
  if (match !== undefined && noneMatch !== undefined)
    throw new ProblemError('header_invalid', 'Send If-Match or If-None-Match, and not both.');
  if (noneMatch !== undefined) {
    if (noneMatch.trim() === '*') return 'absent';
    throw new ProblemError('header_invalid', 'With a change, If-None-Match must be *.');
  }
  if (match === undefined) return 'any';
  if (match.trim() === '*') return 'present';
  if (!/^\s*(W\/)?"[^"]*"(\s*,\s*(W\/)?"[^"]*")*\s*$/.test(match))
    throw new ProblemError('header_invalid', 'If-Match must be * or ETags in double quotes.');
  // If-Match compares strongly: a weak ETag fits nothing, nor does one that we cannot have given out
  const strong = match.match(/(?<!W\/)"[^"]*"/g) ?? [];
  return strong.map((etag) => etag.slice(1, -1)).filter((revision) => /^[0-9a-f]{1,64}$/.test(revision));
}
