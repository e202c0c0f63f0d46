import { createHash } from 'node:crypto';
import type { RequestSeen } from './request-seen.ts';

/** Which attempt of which run a request is made for. */
export interface Origin {
  readonly runId: string;
  /** Of the step; part of what tells one request from another. */
  readonly reference: string;
  readonly attempt: number;
  /** Told of each request that was made for it, or could not be made, as soon as that is over. */
  seen?(request: RequestSeen): void;
}

/**
 * A W3C `traceparent` that follows from what the request is made for: one trace per run, one span per step and attempt, so that a
 * provider's records can be found from a run, and a run from them, without anything being stored. Flagged as sampled, since a provider
 * that leaves the choice to its caller would keep nothing else.
 */
export function traceparentOf({ runId, reference, attempt }: Origin): string {
  const ownHex = /^run_([0-9a-f]{32})$/.exec(runId)?.[1];
  const traceId = ownHex ?? hex(runId, 32);
  return `00-${traceId}-${hex(`${reference} ${attempt}`, 16)}-01`;
}

function hex(text: string, length: number): string {
  return createHash('sha256').update(text).digest('hex').slice(0, length);
}
