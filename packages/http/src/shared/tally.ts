import { z } from 'zod';
import type { Outcome } from '../outcome.ts';
import { latencyBucket } from './latency.ts';
import type { Taken, WaitReason } from './shared-store.ts';
import type { Guarded } from './verdict.ts';

/** A call that did not go well. Redacted where it came from. */
export const ErrorSeen = z.object({
  /** ISO 8601. */
  at: z.string(),
  kind: z.enum(['rejected', 'misconfigured', 'throttled', 'unavailable', 'in_doubt']),
  code: z.string(),
  message: z.string(),
  /** Of HTTP. */
  status: z.number().optional(),
  /** The provider's own. */
  requestId: z.string().optional(),
  runId: z.string().optional(),
  durationMs: z.number(),
});
export type ErrorSeen = z.infer<typeof ErrorSeen>;

export type OutcomeKind = Outcome<unknown>['kind'];

/** More than this between two reports is not kept one by one. */
const MAX_ERRORS = 100;
/** Kinds, latencies and codes. */
const MAX_COUNTS = 150;
const BUCKET_MS = 250;
/** As far back as others look for what was taken. */
const MAX_BUCKETS = 32;

/** What one worker has seen of a provider since it last reported. Bounded, whatever happens. */
export class Tally {
  #counts = new Map<string, number>();
  #errors: ErrorSeen[] = [];
  #taken = new Map<number, number>();
  #takenAt = new Map<string, Map<number, number>>();

  get isEmpty(): boolean {
    return this.#counts.size === 0 && this.#taken.size === 0;
  }

  call(kind: OutcomeKind, durationMs: number): void {
    this.#add(kind);
    this.#add(`ms:${latencyBucket(durationMs)}`);
  }

  error(seen: ErrorSeen): void {
    const counted = `error:${seen.kind}:${seen.code.slice(0, 64)}`;
    // a provider may say anything; what is counted stays bounded
    const full = !this.#counts.has(counted) && this.#counts.size >= MAX_COUNTS;
    this.#add(full ? `error:${seen.kind}:other` : counted);
    if (this.#errors.length === MAX_ERRORS) this.#errors.shift();
    this.#errors.push(seen);
  }

  wait(reason: WaitReason): void {
    this.#add(`wait:${reason}`);
  }

  /** @param sentAtMs by Redis' clock */
  took(sentAtMs: number, endpoint?: string): void {
    const bucket = Math.floor(sentAtMs / BUCKET_MS);
    addTo(this.#taken, bucket);
    if (endpoint === undefined) return;
    const taken = this.#takenAt.get(endpoint) ?? new Map<number, number>();
    addTo(taken, bucket);
    this.#takenAt.set(endpoint, taken);
  }

  /** All of it, once. */
  drain(): {
    readonly counts: ReadonlyMap<string, number>;
    readonly errors: readonly ErrorSeen[];
    readonly taken: Taken;
    readonly takenAt: ReadonlyMap<string, Taken>;
  } {
    const seen = { counts: this.#counts, errors: this.#errors };
    const drained = { ...seen, taken: this.drainTaken(), takenAt: this.#takenAt };
    this.#takenAt = new Map();
    this.#counts = new Map();
    this.#errors = [];
    return drained;
  }

  drainTaken(): Taken {
    const taken = this.#taken;
    this.#taken = new Map();
    return taken;
  }

  drainTakenAt(endpoint: string): Taken {
    const taken = this.#takenAt.get(endpoint) ?? new Map<number, number>();
    this.#takenAt.delete(endpoint);
    return taken;
  }

  #add(name: string): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
  }
}

function addTo(taken: Map<number, number>, bucket: number): void {
  taken.set(bucket, (taken.get(bucket) ?? 0) + 1);
  if (taken.size > MAX_BUCKETS) taken.delete(Math.min(...taken.keys()));
}

export function seenError(
  kind: ErrorSeen['kind'],
  { code = kind, message = '', details }: Guarded,
  runId: string | undefined,
  durationMs: number,
): ErrorSeen {
  const { status, requestId } = details ?? {};
  return {
    at: new Date().toISOString(),
    ...{ kind, code, message },
    ...(typeof status === 'number' ? { status } : {}),
    ...(typeof requestId === 'string' ? { requestId } : {}),
    ...(runId === undefined ? {} : { runId }),
    durationMs: Math.round(durationMs),
  };
}
