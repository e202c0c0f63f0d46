import { z } from 'zod';
import { faultsIn } from './input-faults.ts';
import { ProblemError } from './problems.ts';

/**
 * @param query as the framework reads it: a string for each parameter, a list for one that came more than once
 * @throws ProblemError `query_invalid` with the name of each parameter that does not fit
 */
export function readQuery<T>(schema: z.ZodType<T>, query: unknown): T {
  const checked = schema.safeParse(query);
  if (checked.success) return checked.data;
  throw new ProblemError('query_invalid', 'The query is not valid for this route.', {
    members: { errors: faultsIn(checked.error, 'parameter') },
  });
}

/** A moment, as in `2026-03-02T03:12:00Z`; gives Unix milliseconds. */
export const moment = z.iso
  .datetime({ offset: true, error: 'expected a time such as 2026-03-02T03:12:00Z' })
  .transform((text) => Date.parse(text));

const PAGE_LIMIT = { default: 20, max: 100 } as const;
const LIMIT = `expected a whole number from 1 to ${PAGE_LIMIT.max}`;

/** What every list takes. */
export const page = {
  cursor: z.string().min(1).max(500).optional().meta({ description: 'The `nextCursor` of the page before.' }),
  limit: z
    .string()
    .regex(/^\d{1,3}$/, LIMIT)
    .transform(Number)
    .pipe(z.int().min(1, LIMIT).max(PAGE_LIMIT.max, LIMIT))
    .default(PAGE_LIMIT.default)
    .meta({ description: `Items on a page, 1 to ${PAGE_LIMIT.max}.` }),
};
