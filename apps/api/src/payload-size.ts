import { type Json, LIMITS } from '@holdfast/engine';
import { ProblemError } from './problems.ts';

/** @throws ProblemError `body_too_large` for more than a run can keep of one signal or result */
export function checkPayload(payload: Json): void {
  const bytes = Buffer.byteLength(JSON.stringify(payload));
  if (bytes <= LIMITS.resultBytes) return;
  throw new ProblemError(
    'body_too_large',
    `The payload is ${bytes} bytes of JSON; at most ${LIMITS.resultBytes} are kept.`,
  );
}
