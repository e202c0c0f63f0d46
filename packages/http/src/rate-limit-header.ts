import { type BareItem, type Item, isInnerList, parseList } from 'structured-headers';
import type { ResponseHeaders } from './outcome.ts';

/** What an answer says of the provider's limit beside its status. */
export interface RateLimitReading {
  /** Nothing is left until then. At most a day. */
  readonly closedForMs?: number;
  /** How many calls a second the limit that has nothing left allows in the long run. */
  readonly perSecond?: number;
}

const DAY_MS = 24 * 60 * 60 * 1000;
/** A quota over a longer time, such as a day's, is no rate to call at. */
const LONGEST_WINDOW_S = 60;

/**
 * Reads `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers), as in `"burst";r=0;t=30` and `"burst";q=100;w=60`.
 * Older headers of similar names are not read. What is malformed is ignored.
 * @returns undefined unless some limit has nothing left and says for how long
 */
export function readRateLimit(headers: ResponseHeaders): RateLimitReading | undefined {
  const spent = items(headers.ratelimit).filter(
    ({ params }) => params.get('r') === 0 && isWhole(params.get('t')),
  );
  if (spent.length === 0) return undefined;
  const closedForMs = Math.min(
    DAY_MS,
    Math.max(...spent.map(({ params }) => Number(params.get('t')) * 1000)),
  );
  const rates = items(headers['ratelimit-policy'])
    .filter(({ name }) => spent.some((limit) => limit.name === name))
    .flatMap(({ params }) => perSecond(params));
  return rates.length === 0 ? { closedForMs } : { closedForMs, perSecond: Math.min(...rates) };
}

interface Limit {
  readonly name: string;
  readonly params: ReadonlyMap<string, BareItem>;
}

function items(header: string | undefined): Limit[] {
  if (header === undefined) return [];
  try {
    return parseList(header).flatMap((member) => (isInnerList(member) ? [] : [toLimit(member)]));
  } catch {
    return [];
  }
}

function toLimit([name, params]: Item): Limit {
  return { name: String(name), params };
}

function perSecond(params: Limit['params']): number[] {
  const quota = params.get('q');
  const window = params.get('w');
  const unit = params.get('qu') ?? 'requests';
  const usable = isWhole(quota) && quota > 0 && isWhole(window) && window > 0 && window <= LONGEST_WINDOW_S;
  return usable && unit === 'requests' ? [quota / window] : [];
}

function isWhole(value: BareItem | undefined): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0;
}
