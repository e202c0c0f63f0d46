import type { CallEvent } from '../contract/call.ts';
import type { RunEvent } from '../contract/run.ts';
import { CUT_FIELD, decodeCall } from './call-record.ts';
import { keyOf, parseField } from './identity.ts';
import { type CompletedRecord, type StepRecord, withKind } from './step-record.ts';

export interface RunHistory {
  /** In the order of their ends. */
  readonly events: RunEvent[];
  /** Calls that were made and are not among them. */
  readonly callsLeftOut: number;
}

type Place = { readonly runId: string; readonly generation: number };

/**
 * What a run's journal tells of its past. A call that went well at the first try has no entry of its own: its step's record tells of it.
 * @param noted the run's events by field, as JSON
 */
export function eventsIn(
  noted: ReadonlyMap<string, string>,
  records: ReadonlyMap<string, StepRecord>,
  run: Place,
): RunHistory {
  const others: RunEvent[] = [];
  const calls = new Map<string, CallEvent[]>();
  const ownEnds = new Set<string>();
  let cut = 0;
  for (const [field, text] of noted) {
    if (field === CUT_FIELD) {
      cut = Number(text);
      continue;
    }
    const call = decodeCall(field, text, run);
    if (!call) {
      others.push(JSON.parse(withKind(text)) as RunEvent);
      continue;
    }
    const of = laneOf(call.what === 'undo', call.step);
    calls.set(of, [...(calls.get(of) ?? []), call]);
    if (field.startsWith('h:k:')) ownEnds.add(of);
  }
  for (const [field, record] of records) {
    const at = parseField(field);
    if (record.kind !== 'completed' || (at?.kind !== 'step' && at?.kind !== 'undo')) continue;
    const of = laneOf(at.kind === 'undo', at.name);
    if (ownEnds.has(of) || wasAnswered(record, others)) continue;
    const before = calls.get(of) ?? [];
    calls.set(of, [...before, toldByRecord(at, record, before, others, run)]);
  }
  const kept = [...calls.values()];
  const left = kept.map((each) => Math.max(...each.map(({ n }) => n)) - each.length);
  const events = [...others, ...kept.flat()].sort((a, b) => a.at - b.at || startOf(a) - startOf(b));
  // in 0.1, numbers were those of attempts
  return { events, callsLeftOut: left.reduce((sum, each) => sum + Math.max(0, each), cut) };
}

function laneOf(undo: boolean, step: string): string {
  return `${undo ? 'u' : 's'}:${step}`;
}

function startOf(event: RunEvent): number {
  return event.kind === 'call' ? event.startedAt : event.at;
}

/** In 0.1, an answer was told from a call's end only by when it was given. */
const ANSWERED_WITHIN_MS = 2_000;

/** True for a record that a person made. */
export function wasAnswered(record: CompletedRecord, events: readonly RunEvent[]): boolean {
  if (record.answered) return true;
  return events.some(
    (event) =>
      event.kind === 'resolved' &&
      event.outcome === undefined &&
      event.at >= record.finishedAt &&
      event.at - record.finishedAt < ANSWERED_WITHIN_MS,
  );
}

function toldByRecord(
  { kind, name }: { readonly kind: string; readonly name: string },
  { attempts, startedAt, finishedAt }: CompletedRecord,
  before: readonly CallEvent[],
  others: readonly RunEvent[],
  run: Place,
): CallEvent {
  const undo = kind === 'undo';
  const last = before.reduce<CallEvent | undefined>((a, b) => (a && a.at > b.at ? a : b), undefined);
  const back = last && others.find((event) => isBroughtBack(event) && event.at >= last.at)?.at;
  const from = last ? (last.until ?? back ?? last.at) : startedAt;
  return {
    ...{ kind: 'call', what: undo ? 'undo' : 'run', step: name, n: (last?.n ?? 0) + 1, attempt: attempts },
    ...{ startedAt: Math.min(from, finishedAt), at: finishedAt, outcome: 'ok' },
    key: keyOf({ ...run, step: name, undo }),
  };
}

function isBroughtBack({ kind }: RunEvent): boolean {
  return kind === 'redriven' || kind === 'resolved';
}
