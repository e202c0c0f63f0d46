import type { RequestSeen } from '../contract/call.ts';
import type { ObservedCall } from '../observe/run-observer.ts';
import type { Standing } from './step-progress.ts';

/** Where an effect stands, and until when it must not be tried. */
export interface Start extends Standing {
  readonly notBefore: { readonly at: number; readonly wait: 'retry' | 'throttle' } | undefined;
  /** Its last attempt was refused, and the refusal did not say what an earlier one came to. */
  readonly refused: boolean;
}

/** A call that was begun, and the requests that it has noted so far. */
export class Made {
  readonly what: ObservedCall['what'];
  readonly start: Start;
  readonly attempt: number;
  readonly startedAt: number;
  readonly requests: RequestSeen[] = [];

  constructor(what: ObservedCall['what'], start: Start, attempt: number, startedAt: number) {
    this.what = what;
    this.start = start;
    this.attempt = attempt;
    this.startedAt = startedAt;
  }
}
