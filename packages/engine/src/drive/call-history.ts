import type { RequestSeen } from '../contract/call.ts';
import { LIMITS } from '../contract/limits.ts';
import { type CallRecord, CUT_FIELD, callsOf, decodeCall, hasCallsOf } from '../journal/call-record.ts';
import type { Entry } from '../journal/journal.ts';

/** A call that has just ended, before it has its place among the others. */
export type CallMade = Omit<CallRecord, 'kind' | 'n'>;

/** So many of the first calls of a step are kept, and so many of the last. */
const FIRST_KEPT = 20;
const LAST_KEPT = 40;
const MAX_REQUESTS = 8;
const MAX_WHAT = 120;
const MAX_CODE = 100;
const MAX_MESSAGE = 500;

interface Kept {
  /** Of the last call. */
  n: number;
  last: CallMade | undefined;
}

/** Gives each call of a run its place in the journal, within the bytes that a run's history may have. */
export class CallHistory {
  readonly #noted: ReadonlyMap<string, string>;
  readonly #kept = new Map<string, Kept>();
  readonly #sizes = new Map<string, number>();
  #bytes = 0;
  #cut: number;

  /** @param noted the history that the run has already */
  constructor(noted: ReadonlyMap<string, string>) {
    this.#noted = noted;
    for (const [field, text] of noted) this.#resize(field, text);
    this.#cut = Number(noted.get(CUT_FIELD) ?? 0);
  }

  /** True when a call of the step, or of its undo, is kept. */
  has(step: string, undo: boolean): boolean {
    return this.#of(step, undo).n > 0;
  }

  /** What to write for a call. Those that were put off one after another are one. */
  entryOf(call: CallMade): Entry {
    const undo = call.what === 'undo';
    const kept = this.#of(call.step, undo);
    const goesOn = call.putOff && kept.last?.putOff && kept.last.what === call.what;
    const n = goesOn ? kept.n : kept.n + 1;
    const made = goesOn ? { ...call, startedAt: kept.last?.startedAt ?? call.startedAt } : call;
    kept.n = n;
    kept.last = made;
    const slot = n <= FIRST_KEPT ? n : FIRST_KEPT + 1 + ((n - FIRST_KEPT - 1) % LAST_KEPT);
    const field = `${callsOf(call.step, undo)}${slot}`;
    for (const record of [bounded(made), slim(made)]) {
      const text = encode(record, n);
      if (this.#bytes + text.length - (this.#sizes.get(field) ?? 0) > LIMITS.historyBytes) continue;
      this.#resize(field, text);
      return { field, record: text };
    }
    this.#cut += 1;
    return { field: CUT_FIELD, record: String(this.#cut) };
  }

  #of(step: string, undo: boolean): Kept {
    const name = callsOf(step, undo);
    let kept = this.#kept.get(name);
    if (!kept) {
      kept = this.#read(step, undo);
      this.#kept.set(name, kept);
    }
    return kept;
  }

  #read(step: string, undo: boolean): Kept {
    const kept: Kept = { n: 0, last: undefined };
    for (const [field, text] of this.#noted) {
      const call = hasCallsOf(field, step, undo) && decodeCall(field, text, { runId: '', generation: 1 });
      if (!call || call.n < kept.n) continue;
      const { kind: _, n, key: _key, ...last } = call;
      kept.n = n;
      kept.last = last;
    }
    return kept;
  }

  #resize(field: string, text: string): void {
    this.#bytes += text.length - (this.#sizes.get(field) ?? 0);
    this.#sizes.set(field, text.length);
  }
}

function encode({ what, step, ...call }: CallMade, n: number): string {
  return JSON.stringify({ kind: 'call', what, step, n, ...call });
}

function bounded(call: CallMade): CallMade {
  const { error, requests = [] } = call;
  const half = MAX_REQUESTS / 2;
  const shown =
    requests.length > MAX_REQUESTS ? [...requests.slice(0, half), ...requests.slice(-half)] : requests;
  return {
    ...call,
    ...(error && { error: shortError(error, MAX_MESSAGE) }),
    ...(requests.length > 0 && { requests: shown.map(shortRequest) }),
  };
}

/** What is kept when there is little room: what was done when, and how it ended. */
function slim({ requests: _, error, ...call }: CallMade): CallMade {
  return { ...call, ...(error && { error: shortError(error, 0) }) };
}

function shortError({ code, message, kind }: NonNullable<CallMade['error']>, max: number) {
  return { code: code.slice(0, MAX_CODE), message: message.slice(0, max), ...(kind && { kind }) };
}

function shortRequest({ what, outcome, code, requestId, ...request }: RequestSeen): RequestSeen {
  return {
    ...{ what: what.slice(0, MAX_WHAT), outcome: outcome.slice(0, MAX_CODE), ...request },
    durationMs: Math.round(request.durationMs),
    ...(code !== undefined && { code: code.slice(0, MAX_CODE) }),
    ...(requestId !== undefined && { requestId: requestId.slice(0, 200) }),
  };
}
