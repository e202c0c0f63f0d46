import { createHash } from 'node:crypto';
import type { RequestSeen } from './request-seen.ts';

/** Which attempt of which run a request is made for. */
export interface Origin {
  readonly runId: string;
  /** Of the step; part of what tells one request from another. */
  readonly reference: string;
  readonly attempt: number;
  /** The `traceparent` that the run came with. */
  readonly trace?: string | undefined;
  /** Told of each request that was made for it, or could not be made, as soon as that is over. */
  seen?(request: RequestSeen): void;
}

/**
 * A W3C `traceparent` that follows from what the request is made for: one trace per run, one span per step and attempt, so that a
 * provider's records can be found from a run, and a run from them, without anything being stored. Flagged as sampled, since a provider
 * that leaves the choice to its caller would keep nothing else. A run that came with a `traceparent` goes on in that trace, sampled or not as
 * it says.
 */
export function traceparentOf({ runId, reference, attempt, trace }: Origin): string {
  const span = hex(`${reference} ${attempt}`, 16);
  const came = trace === undefined ? undefined : readTraceparent(trace);
  if (came) return `00-${came.traceId}-${span}-${came.flags}`;
  const ownHex = /^run_([0-9a-f]{32})$/.exec(runId)?.[1];
  const traceId = ownHex ?? hex(runId, 32);
  return `00-${traceId}-${span}-01`;
}

const FORM = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;

/** @returns undefined for what is no W3C `traceparent`, which counts as none */
export function readTraceparent(
  text: string,
): { readonly traceId: string; readonly flags: '00' | '01' } | undefined {
  const [, version, traceId = '', parentId = '', flags = '', more] = FORM.exec(text) ?? [];
  if (version === undefined || version === 'ff' || (version === '00' && more !== undefined)) return undefined;
  if (/^0+$/.test(traceId) || /^0+$/.test(parentId)) return undefined;
  return { traceId, flags: (Number.parseInt(flags, 16) & 1) === 1 ? '01' : '00' };
}

function hex(text: string, length: number): string {
  return createHash('sha256').update(text).digest('hex').slice(0, length);
}
