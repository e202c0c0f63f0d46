import { UnreadablePayloadError } from '../contract/payload-codec.ts';
import type { Failure, Json, Run, Tags, WaitingFor } from '../contract/run.ts';
import { hasLetGo, isEffectField, parseField } from './identity.ts';
import type { ClaimedRun, Draw, KeptSignal, ParentRun, Payloads, Whereabouts } from './journal.ts';
import { isCoded } from './payload-coding.ts';
import { eventsIn } from './run-events.ts';
import { decodeRecord, type StepRecord } from './step-record.ts';
import { stepStates, waitStates, warningsOf } from './step-states.ts';

/** What stands in Redis under a run's key is no run of ours. */
export class CorruptRecordError extends Error {
  readonly code = 'record_corrupt';
  constructor(field: string) {
    super(`a run's record in Redis has no usable "${field}"; was it written by something else?`);
    this.name = 'CorruptRecordError';
  }
}

/** The fields of a run's hash, as Redis gives them. Absent ones are absent. */
export type Fields = ReadonlyMap<string, string>;

/** A flat reply of pairs; later pairs win. */
export function fieldsOf(pairs: readonly unknown[]): Fields {
  const fields = new Map<string, string>();
  for (let i = 0; i + 1 < pairs.length; i += 2) fields.set(String(pairs[i]), String(pairs[i + 1]));
  return fields;
}

/** @param marks what the claim found out about the run, beside its fields */
export function decodeClaimed(
  runId: string,
  fields: Fields,
  now: number,
  marks: Pick<ClaimedRun, 'lostSince' | 'forgot'>,
): ClaimedRun {
  refuseCoded(runId, fields);
  const { records, bytes } = recordsOf(fields);
  const createdAt = Number(need(fields, 'createdAt'));
  return {
    runId,
    owner: need(fields, 'owner'),
    tenant: need(fields, 'tenant'),
    flow: need(fields, 'flow'),
    version: Number(need(fields, 'version')),
    generation: Number(need(fields, 'generation')),
    input: JSON.parse(need(fields, 'input')),
    compensation: compensationOf(fields),
    cancelRequested: fields.has('cancel'),
    claims: Number(fields.get('claims') ?? 0),
    redrives: Number(fields.get('redrives') ?? 0),
    records,
    recordBytes: bytes,
    noted: notedIn(fields),
    signals: signalsOf(fields),
    parent: parsed<ParentRun>(fields.get('parent')),
    draw: parsed<Draw>(fields.get('draw')),
    trace: fields.get('trace'),
    ...marks,
    doubtsRecorded: fields.has('doubts'),
    createdAt,
    now,
  };
}

/** @throws UnreadablePayloadError when it is encoded */
export function inputIn(runId: string, fields: Fields): Json {
  refuseCoded(runId, fields);
  return JSON.parse(need(fields, 'input')) as Json;
}

/** @throws CorruptRecordError when something else has written to it */
export function decodePayloads(runId: string, fields: Fields): Payloads & { readonly tenant: string } {
  refuseCoded(runId, fields);
  try {
    const output = parsed<Json>(fields.get('output'));
    const records = [...recordsOf(fields).records].flatMap(([field, record]) =>
      record.kind === 'completed' ? [{ field, record }] : [],
    );
    // a signal that a wait has taken is in the wait's record
    const taken = new Map(records.map(({ record }) => [record.signal, record.result as Json | undefined]));
    const completed = records
      .filter(({ field }) => isEffectField(field))
      .sort((a, b) => a.record.finishedAt - b.record.finishedAt || a.record.seq - b.record.seq);
    return {
      tenant: need(fields, 'tenant'),
      input: JSON.parse(need(fields, 'input')) as Json,
      ...(output !== undefined && { output }),
      results: completed.map(({ field, record }) => ({
        step: parseField(field)?.name ?? field,
        ...(record.result !== undefined && { result: record.result as Json }),
      })),
      signals: signalsOf(fields).map(({ id, name, payload = taken.get(id) }) => ({
        ...{ id, name },
        ...(payload !== undefined && { payload }),
      })),
    };
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError) throw corrupt(`JSON (${error.message})`);
    throw error;
  }
}

/**
 * The run as people see it.
 * @throws CorruptRecordError when something else has written to it
 */
export function decodeRun(runId: string, fields: Fields): Run {
  try {
    return runOf(runId, fields);
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError) throw corrupt(`JSON (${error.message})`);
    throw error;
  }
}

function runOf(runId: string, fields: Fields): Run {
  const status = need(fields, 'status') as Run['status'];
  const { records } = recordsOf(fields);
  const input = fields.get('input');
  const output = fields.get('output');
  if (output && isCoded('output', output)) throw unreadable(runId, 'output');
  const at = { runId, generation: Number(need(fields, 'generation')) };
  const { events, callsLeftOut } = eventsIn(notedIn(fields), records, at);
  const trace = fields.get('trace');
  const common = {
    id: runId,
    tenant: need(fields, 'tenant'),
    flow: need(fields, 'flow'),
    version: Number(need(fields, 'version')),
    generation: at.generation,
    idempotencyKey: need(fields, 'key'),
    ...(input !== undefined && !isCoded('input', input) && { input: JSON.parse(input) as Json }),
    ...(fields.has('tags') && { tags: parsed<Tags>(fields.get('tags')) ?? {} }),
    steps: stepStates(records, status, at),
    waits: waitStates(records).map((wait) => withDates(wait)),
    warnings: warningsOf(records),
    signals: signalsOf(fields).map(({ id, name }) => ({ id, name })),
    events: events.map(withDates),
    callsLeftOut,
    drawn: Number(fields.get('drawn') ?? 0),
    settled: Number(fields.get('settled') ?? 0),
    revision: Number(need(fields, 'revision')),
    ...(trace !== undefined && { trace }),
    createdAt: timeIn(fields, 'createdAt'),
    updatedAt: timeIn(fields, 'updatedAt'),
  };
  const finishedAt = common.updatedAt;
  const failure = parsed<Failure>(fields.get('failure'));
  const waitingFor = withDates(parsed<WaitingFor>(fields.get('waiting')));
  switch (status) {
    case 'pending':
    case 'running':
      return { ...common, status };
    case 'suspended':
      if (!waitingFor) throw corrupt('waiting');
      return { ...common, status, waitingFor };
    case 'compensating':
      return {
        ...common,
        status,
        ...(failure && { error: failure }),
        ...(waitingFor && parked(fields) && { waitingFor }),
      };
    case 'completed':
      return { ...common, status, output: JSON.parse(need(fields, 'output')) as Json, finishedAt };
    case 'failed':
      if (!failure) throw corrupt('failure');
      return { ...common, status, error: failure, finishedAt };
    case 'cancelled':
      return { ...common, status, finishedAt };
    case 'dead': {
      const death = parsed<Failure>(fields.get('death'));
      if (!death) throw corrupt('death');
      return {
        ...{ ...common, status, error: death, deaths: Number(need(fields, 'deaths')) },
        ...((fields.has('cancel') || fields.has('phase')) && { undoing: true }),
      };
    }
  }
}

export const WHEREABOUTS_FIELDS = [
  'flow',
  'status',
  'job',
  'owner',
  'deaths',
  'updatedAt',
  'waiting',
  'death',
  'parent',
  'tenant',
  'generation',
  'woken',
  'version',
  'revision',
  'draw',
  'acted',
  'answered',
  'lost',
  'queued',
] as const;

export function decodeWhereabouts(
  runId: string,
  values: readonly (string | null)[],
): Whereabouts | undefined {
  const [flow, status, jobId, owner, deaths, updatedAt, waiting, death, parent, tenant, generation, woken] =
    values;
  const [version, revision, draw, acted, answered, lost, queued] = values.slice(12);
  if (!flow || !status || !jobId || !tenant) return undefined;
  const waits = hasLetGo(owner ?? '') && woken !== owner;
  const waitingFor = waits ? parsed<WaitingFor>(waiting ?? undefined) : undefined;
  const wakeAt = waitingFor && 'until' in waitingFor ? waitingFor.until : undefined;
  return {
    runId,
    tenant,
    generation: Number(generation),
    flow,
    status: status as Run['status'],
    jobId,
    owner: owner ?? '',
    deaths: Number(deaths ?? 0),
    readySince: wakeAt ?? Number(updatedAt),
    wakeAt,
    death: parsed<Failure>(death ?? undefined),
    parent: parsed<ParentRun>(parent ?? undefined),
    version: Number(version),
    revision: Number(revision),
    draw: parsed<Draw>(draw ?? undefined),
    acted: acted ?? undefined,
    answered: answered === '1',
    lost: lost !== null && lost !== undefined,
    waitsForPlace: waitingFor?.kind === 'lane',
    queued: queued !== null && queued !== undefined,
  };
}

function recordsOf(fields: Fields): {
  readonly records: Map<string, StepRecord>;
  readonly bytes: Map<string, number>;
} {
  const records = new Map<string, StepRecord>();
  const bytes = new Map<string, number>();
  for (const [field, text] of fields) {
    if (!parseField(field)) continue;
    records.set(field, decodeRecord(text));
    bytes.set(field, Buffer.byteLength(text));
  }
  return { records, bytes };
}

/** Nothing decodes payloads here: the config has no codec. */
function refuseCoded(runId: string, fields: Fields): void {
  for (const [field, text] of fields) if (isCoded(field, text)) throw unreadable(runId, field);
}

function unreadable(runId: string, field: string): UnreadablePayloadError {
  return new UnreadablePayloadError({ runId, field }, 'the config has no `codec`');
}

const EVENT = 'h:';

function notedIn(fields: Fields): Fields {
  const noted = new Map<string, string>();
  for (const [field, text] of fields) if (field.startsWith(EVENT)) noted.set(field, text);
  return noted;
}

const SIGNAL = 'g:';

function signalsOf(fields: Fields): KeptSignal[] {
  const signals: (KeptSignal & { readonly n: number })[] = [];
  for (const [field, text] of fields) {
    if (!field.startsWith(SIGNAL)) continue;
    signals.push({
      ...(JSON.parse(text) as { n: number; name: string; payload?: Json }),
      id: field.slice(SIGNAL.length),
    });
  }
  return signals.sort((a, b) => a.n - b.n);
}

function compensationOf(fields: Fields): ClaimedRun['compensation'] {
  const ends = fields.get('phase');
  if (!ends) return undefined;
  if (ends === 'cancelled') return { ends };
  const failure = parsed<Failure>(fields.get('failure'));
  if (!failure) throw corrupt('failure');
  return { ends: 'failed', failure };
}

/** The last moment that is a date. */
const LAST_DATE = 8.64e15;

/** What ends after all dates ends with them: 0.1 took any time-out. */
function withDates<T>(state: T): T {
  const until = typeof state === 'object' && state !== null && 'until' in state ? state.until : undefined;
  return typeof until === 'number' && until > LAST_DATE ? { ...state, until: LAST_DATE } : state;
}

function timeIn(fields: Fields, name: string): number {
  const time = Number(need(fields, name));
  if (!Number.isFinite(time) || Math.abs(time) > LAST_DATE) throw corrupt(name);
  return time;
}

/** A parked run keeps its last owner behind a "-". */
function parked(fields: Fields): boolean {
  return hasLetGo(fields.get('owner') ?? '');
}

function parsed<T>(json: string | undefined): T | undefined {
  return json ? (JSON.parse(json) as T) : undefined;
}

function need(fields: Fields, name: string): string {
  const value = fields.get(name);
  if (value === undefined) throw corrupt(name);
  return value;
}

function corrupt(field: string): CorruptRecordError {
  return new CorruptRecordError(field);
}
