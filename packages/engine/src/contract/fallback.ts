import type { FlowContext } from './define-flow.ts';
import { RejectedError } from './errors.ts';
import type { StepOptions } from './step.ts';

/** Options of a candidate that is not the last: out of attempts without doubt, it is over for the flow instead of for the run. */
export type GivingWay<T> = StepOptions<T> & { readonly givesWay: true };

/** The step of the n-th candidate, from 0: the first has the fallback's own name, so that a plain step can become a fallback. */
export function candidateName(name: string, nth: number): string {
  return nth === 0 ? name : `${name}-${nth + 1}`;
}

/** Runs one step for each candidate until one is done. @throws RejectedError of the last one, TypeError where there are none */
export async function fallBack<T>(
  ctx: Pick<FlowContext, 'step'>,
  name: string,
  candidates: readonly StepOptions<T>[],
): Promise<T> {
  const last = candidates.length - 1;
  for (const [nth, options] of candidates.entries()) {
    if (nth === last) return ctx.step(candidateName(name, nth), options);
    const givingWay: GivingWay<T> = { ...options, givesWay: true };
    try {
      return await ctx.step(candidateName(name, nth), givingWay);
    } catch (error) {
      if (!(error instanceof RejectedError)) throw error;
    }
  }
  throw new TypeError(`ctx.fallback("${name}", []) has no candidates; name at least one, such as [{ run }]`);
}
