import { type DurationInput, toMs } from './duration.ts';

/** How long runs are kept once they have ended; `unlessSet`: only where the system does not say how long (`HOLDFAST_RETENTION`). */
export type Retention = DurationInput | { readonly unlessSet: DurationInput };

const DEFAULT: DurationInput = '7d';

/** @param set what the system says for all flows */
export function retentionMs(own: Retention | undefined, set: DurationInput | undefined): number {
  if (typeof own === 'object') return toMs(set ?? own.unlessSet);
  return toMs(own ?? set ?? DEFAULT);
}

/** @throws RangeError naming what is no duration */
export function checkRetention(own: Retention): void {
  const ms = toMs(typeof own === 'object' ? own.unlessSet : own);
  if (ms === 0) throw new RangeError('a retention of 0 would forget runs as they end; "1s" is the least');
}
