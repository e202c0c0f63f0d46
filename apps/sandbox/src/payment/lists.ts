import type { Answer } from '../serve.ts';
import { refuse } from './errors.ts';
import type { Moment } from './parameters.ts';

interface Listed {
  readonly id: string;
  /** Unix seconds. */
  readonly created: number;
}

interface Page {
  readonly created?: Moment | undefined;
  readonly limit: number;
  readonly starting_after?: string | undefined;
}

/**
 * One page as Stripe serves it, newest first.
 * @param all in the order in which they were made
 * @throws Refused when the page is to start after an object that is not there
 */
export function listPage<T extends Listed>(
  what: { readonly object: string; readonly url: string },
  all: readonly T[],
  { created, limit, starting_after }: Page,
  show: (item: T) => unknown,
): Answer {
  const newestFirst = all.toReversed();
  const start =
    starting_after === undefined ? 0 : newestFirst.findIndex(({ id }) => id === starting_after) + 1;
  if (starting_after !== undefined && start === 0)
    throw noSuch(what.object, starting_after, 'starting_after');
  const rest = newestFirst.slice(start).filter((item) => isWithin(item.created, created));
  const data = rest.slice(0, limit).map(show);
  return { status: 200, body: { object: 'list', data, has_more: rest.length > limit, url: what.url } };
}

export function noSuch(what: string, id: string, param: string) {
  return refuse(404, { code: 'resource_missing', message: `No such ${what}: '${id}'`, param });
}

function isWithin(second: number, span: Moment | undefined): boolean {
  if (span === undefined) return true;
  if (typeof span === 'number') return second === span;
  const { gt = -1, gte = 0, lt = Number.POSITIVE_INFINITY, lte = Number.POSITIVE_INFINITY } = span;
  return second > gt && second >= gte && second < lt && second <= lte;
}
