import type { ErrorReading, ReadError } from '@holdfast/http';
import { z } from 'zod';

/** An id of the provider's that is safe in a path. */
export const ProviderId = z
  .string()
  .regex(/^[A-Za-z0-9][\w.:-]{0,254}$/, 'is no id that can stand in a path');

const ErrorBody = z.object({
  code: z.string().regex(/^[a-z0-9][\w.-]{0,63}$/i),
  message: z.string().optional(),
  detail: z.string().optional(),
});

export interface CodedErrorsOptions {
  /** Names of further text members to keep in the details. */
  readonly details?: readonly string[];
  /** What a code comes to where its status alone would say something else, as in `{ in_progress: 'in_doubt' }`. */
  readonly outcomes?: Readonly<Record<string, NonNullable<ErrorReading['outcome']>>>;
}

/** Reads errors like `{ "code": "out_of_stock", … }`, problem+json with a code among them. */
export function codedErrors({ details = [], outcomes = {} }: CodedErrorsOptions = {}): ReadError {
  const Kept = z.object(Object.fromEntries(details.map((name) => [name, z.string().max(300).optional()])));
  return (_status, body) => {
    const parsed = ErrorBody.safeParse(body);
    if (!parsed.success) return undefined;
    const { code, message, detail } = parsed.data;
    const said = message ?? detail;
    const outcome = Object.hasOwn(outcomes, code) ? outcomes[code] : undefined;
    return {
      code,
      ...(said === undefined ? {} : { message: said }),
      details: Kept.safeParse(body).data ?? {},
      ...(outcome && { outcome }),
    };
  };
}
