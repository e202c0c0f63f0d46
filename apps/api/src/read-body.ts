import { z } from 'zod';
import { faultsIn } from './input-faults.ts';
import { ProblemError } from './problems.ts';

const Nothing = z.strictObject({});

/**
 * @param body parsed JSON; undefined when there was none
 * @throws ProblemError `body_missing`, or `validation_failed` with the place of each fault
 */
export function readBody<T>(schema: z.ZodType<T>, body: unknown): T {
  if (body === undefined) throw new ProblemError('body_missing', 'Send a JSON body.');
  const checked = schema.safeParse(body);
  if (checked.success) return checked.data;
  throw new ProblemError('validation_failed', 'The body is not valid for this route.', {
    members: { errors: faultsIn(checked.error) },
  });
}

/** For routes that need no body: what is sent all the same may not ask for anything. */
export function expectNoBody(body: unknown): void {
  if (body !== undefined) readBody(Nothing, body);
}
