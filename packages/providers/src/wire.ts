import type { ReadError } from '@holdfast/http';
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

/**
 * Reads errors like `{ "code": "out_of_stock", … }`, problem+json with a code among them.
 * @param more names of further text members to keep in the details
 */
export function codedErrors(...more: readonly string[]): ReadError {
  const Kept = z.object(Object.fromEntries(more.map((name) => [name, z.string().max(300).optional()])));
  return (_status, body) => {
    const parsed = ErrorBody.safeParse(body);
    if (!parsed.success) return undefined;
    const { code, message, detail } = parsed.data;
    const said = message ?? detail;
    return {
      code,
      ...(said === undefined ? {} : { message: said }),
      details: Kept.safeParse(body).data ?? {},
    };
  };
}
