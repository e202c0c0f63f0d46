import { setTimeout as delay } from 'node:timers/promises';
import type { Fault, Refusal } from './faults.ts';

/** One request as a fault can spoil it, whatever the protocol. */
export interface Exchange<A> {
  /** Does the effect, and returns the answer to it. */
  work(): A;
  /** The answer that says no, in the provider's own words. */
  refuse(fault: Refusal): A;
  /** Leaves the client without an answer, and drops the connection in the end. */
  hold(forMs: number): void;
  /** Breaks the connection. */
  reset(): void;
  /** The page of somebody who stands in front of the provider. */
  block?(status: number): A;
  /** The same answer, smaller on the wire. */
  compress?(answer: A): A;
}

/**
 * Does the work, or what the fault makes of it. A `slow` effect happens at once and is answered late.
 * @returns the answer to send; undefined when there is none to send
 */
export async function underFault<A>(fault: Fault | undefined, exchange: Exchange<A>): Promise<A | undefined> {
  switch (fault?.fault) {
    case undefined:
      return exchange.work();
    case 'error':
    case 'throttle':
      await pause(fault.delayMs);
      return exchange.refuse(fault);
    case 'slow': {
      const answer = exchange.work();
      await pause(fault.delayMs);
      return answer;
    }
    case 'timeout':
      exchange.hold(fault.delayMs);
      return undefined;
    case 'timeout_after_effect':
      exchange.work();
      exchange.hold(fault.delayMs);
      return undefined;
    case 'reset_before_effect':
      await pause(fault.delayMs);
      exchange.reset();
      return undefined;
    case 'reset_after_effect':
      exchange.work();
      await pause(fault.delayMs);
      exchange.reset();
      return undefined;
    case 'firewall':
      return exchange.block?.(fault.status);
    case 'gzip': {
      const answer = exchange.work();
      return exchange.compress?.(answer) ?? answer;
    }
    case 'greylist':
    case 'one_live_token':
    case 'slow_connect':
      throw new Error(`${fault.fault} does not strike an answer`);
  }
}

/** Not worth keeping the process alive for. */
async function pause(forMs: number): Promise<void> {
  if (forMs > 0) await delay(forMs, undefined, { ref: false });
}
