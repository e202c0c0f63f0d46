import { Cluster, type Redis } from 'ioredis';
import type { Flow } from '../contract/define-flow.ts';
import { RejectedError } from '../contract/errors.ts';
import { FlowRegistry } from '../contract/flow-registry.ts';
import type { Log } from '../contract/log.ts';
import type { PayloadCodec } from '../contract/payload-codec.ts';
import type { Run } from '../contract/run.ts';
import type { StateSealer } from '../contract/state.ts';
import { Calls } from '../drive/attempt.ts';
import { type DriveEnd, Execution } from '../drive/execution.ts';
import { RunWriter } from '../drive/run-writer.ts';
import { NO_CALLBACK_IDS } from '../journal/callback-ids.ts';
import { callbackOfSignal, effectNameOf, parseField, signalOfWait } from '../journal/identity.ts';
import type { ClaimedRun, Journal } from '../journal/journal.ts';
import { keysOf } from '../journal/keys.ts';
import { PayloadCoding } from '../journal/payload-coding.ts';
import { decodeClaimed, decodeRun } from '../journal/run-codec.ts';
import type { StateStore } from '../journal/state-store.ts';
import { isFinal } from '../journal/step-record.ts';
import { Asked, AskedContext } from './asked.ts';

export interface PlayOptions {
  /** As they are today, over ports that cannot be called: a replay calls nothing, unless a flow does so outside of its steps. */
  readonly flows: readonly Flow[];
  /** Opens what flows have read of encrypted state. Default: it cannot be opened. */
  readonly sealer?: StateSealer | undefined;
  /** How long a flow may take to play a journal back; Infinity for somebody who looks at it. Default 5 000. */
  readonly timeoutMs?: number;
  /** The config's. Default: none. */
  readonly codec?: PayloadCodec | undefined;
  /** Told of each step, timer, wait or child that the flow has come past, in words. */
  readonly passed?: (what: string) => void;
  /** Called before the flow is. */
  readonly begins?: () => void;
}

export interface ReplayOptions extends PlayOptions {
  /** Is only read from. */
  readonly connection: Redis | Cluster;
}

/** A run as Redis has it: its payloads stay encoded. */
export interface RecordedRun {
  readonly runId: string;
  readonly fields: Readonly<Record<string, string>>;
}

/** A recorded run that was played back, and what its flow waits for where the journal ends. */
export interface Played {
  readonly run: Run;
  readonly replay: Replay;
  readonly open: readonly string[];
}

/** How a recorded run and today's flows go together. */
export type Replay = Pick<Run, 'flow' | 'version' | 'generation' | 'status'> & {
  readonly runId: string;
} & (
    | { readonly outcome: 'fits' }
    /** No flow of that name and version is there. */
    | { readonly outcome: 'version_missing' }
    /** The first place where they part: what the journal has, and what the code does. */
    | { readonly outcome: 'diverged'; readonly journal: string; readonly code: string }
  );

const TIMEOUT_MS = 5_000;

/**
 * Plays a recorded run back through today's flow, without any effect and without a trace in Redis.
 *
 * The flow must reach everything that the journal has, in the order in which it ended. A completed run's flow must return then, and do
 * nothing more. A run that is not over may go on to steps that are new.
 * @returns undefined when there is no such run
 */
export async function replayRun(options: ReplayOptions, runId: string): Promise<Replay | undefined> {
  const recorded = await readRecorded(options.connection, runId);
  return recorded && (await playBack(options, recorded)).replay;
}

/** @returns undefined when there is no such run */
export async function readRecorded(
  connection: Redis | Cluster,
  runId: string,
): Promise<RecordedRun | undefined> {
  const fields = await connection.hgetall(keysOf(connection).run(runId));
  return Object.keys(fields).length > 0 ? { runId, fields } : undefined;
}

/** Plays a run back that was read before. @throws UnreadablePayloadError, CorruptRecordError */
export async function playBack(options: PlayOptions, { runId, fields: read }: RecordedRun): Promise<Played> {
  const kept = new Map(Object.entries(read));
  const fields = options.codec ? await new PayloadCoding(options.codec).opened(runId, kept) : kept;
  const run = decodeRun(runId, fields);
  const { flow: name, version, generation, status } = run;
  const about = { runId, flow: name, version, generation, status };
  const flow = new FlowRegistry(options.flows).get(name, version);
  if (!flow) return { run, replay: { ...about, outcome: 'version_missing' }, open: [] };

  const claimed = decodeClaimed(runId, new Map([['owner', ''], ...fields]), Date.now(), {
    lostSince: undefined,
    forgot: undefined,
  });
  const asked = new Asked((field) => options.passed?.(describeField(field)));
  const ended = await drive(flow, claimed, asked, options);
  const divergence = compare(run, claimed, asked, ended);
  const replay: Replay = divergence
    ? { ...about, outcome: 'diverged', ...divergence }
    : { ...about, outcome: 'fits' };
  return { run, replay, open: asked.unsettled().map(describeField) };
}

/**
 * Ids of all recorded runs: those that are not over first, then the others, in no order.
 * @param flow runs of this one only
 */
export async function* recordedRuns(connection: Redis | Cluster, flow?: string): AsyncGenerator<string> {
  const keys = keysOf(connection);
  const seen = new Set<string>();
  for await (const page of pagesOfIds(connection)) {
    const fresh = [...new Set(page)].filter((runId) => !seen.has(runId));
    const flows = flow && (await Promise.all(fresh.map((runId) => connection.hget(keys.run(runId), 'flow'))));
    for (const [index, runId] of fresh.entries()) {
      seen.add(runId);
      if (!flows || flows[index] === flow) yield runId;
    }
  }
}

async function* pagesOfIds(connection: Redis | Cluster): AsyncGenerator<string[]> {
  const keys = keysOf(connection);
  yield await connection.zrange(keys.alarms, '0', '-1');
  const prefix = keys.run('');
  for (const node of connection instanceof Cluster ? connection.nodes('master') : [connection]) {
    for await (const found of node.scanStream({ match: `${prefix}*`, count: 1_000 })) {
      yield (found as string[]).map((key) => key.slice(prefix.length));
    }
  }
}

/** `stuck`: the flow waits for something that is no step. */
type ReplayEnd = DriveEnd | { readonly kind: 'stuck' };

async function drive(
  flow: Flow,
  run: ClaimedRun,
  asked: Asked,
  { sealer, timeoutMs = TIMEOUT_MS, begins }: PlayOptions,
): Promise<ReplayEnd> {
  const refuse = async () => {
    throw new Error('a replay has no effects');
  };
  const execution = new Execution(run, 'replay', {
    // a replay holds no records, so nothing is ever written
    writer: new RunWriter(NO_JOURNAL, run),
    calls: new Calls(),
    observer: {},
    children: { start: refuse, stop: refuse },
    callbacks: { ids: NO_CALLBACK_IDS, publicUrl: '' },
    correlations: { register: refuse },
    events: { emitEvent: refuse },
    state: { store: nothingKept(refuse), sealer },
    log: SILENT,
    random: Math.random,
    retryScale: 1,
    draining: () => true,
  });
  let timer: NodeJS.Timeout | undefined;
  const stuck = new Promise<ReplayEnd>((resolve) => {
    if (timeoutMs !== Number.POSITIVE_INFINITY)
      timer = setTimeout(() => resolve({ kind: 'stuck' }), timeoutMs);
  });
  try {
    const driven = execution.drive(async (ctx, input) => {
      try {
        begins?.();
        return await flow.run(new AskedContext(ctx, asked), input);
      } catch (error) {
        if (error instanceof RejectedError) asked.rejection = error.code;
        throw error;
      }
    });
    return await Promise.race([driven, stuck]);
  } finally {
    clearTimeout(timer);
  }
}

/** A replay has of the state what was recorded of it. */
function nothingKept(refuse: () => Promise<never>): StateStore {
  return { read: refuse, change: refuse, show: refuse, put: refuse, remove: refuse, list: refuse };
}

interface Divergence {
  readonly journal: string;
  readonly code: string;
}

function compare(run: Run, { records }: ClaimedRun, asked: Asked, ended: ReplayEnd): Divergence | undefined {
  const recorded = [...records].sort(([, a], [, b]) => a.seq - b.seq);
  const ofFlow = recorded.filter(([field]) => parseField(field)?.kind !== 'undo');
  const next = ofFlow.find(([field, record]) =>
    isFinal(record) ? !asked.isSettled(field) : !asked.has(field),
  );
  const code = instead(asked, records, ended);

  if (ended.kind === 'stuck') return { journal: next ? goesOn(next[0]) : whereItIs(run), code };
  if (ended.kind === 'dies') {
    if (ended.failure.kind !== 'incompatible_flow' && diedOfThis(run, ended.failure)) return undefined;
    return { journal: next ? goesOn(next[0]) : whereItIs(run), code };
  }
  const missed = ofFlow.find(([field]) => !asked.has(field));
  if (missed) return { journal: goesOn(missed[0]), code };
  if (run.status === 'completed' && ended.kind !== 'returned') return { journal: whereItIs(run), code };
  const kept = recorded.find(([field]) => parseField(field)?.kind === 'undo' && !asked.hasUndoFor(field));
  if (kept) return { journal: goesOn(kept[0]), code: 'has no undo for it' };
  return undefined;
}

/** A dead run whose flow still makes the mistake that it died of. */
function diedOfThis(run: Run, failure: { readonly code: string; readonly message: string }): boolean {
  return run.status === 'dead' && run.error.code === failure.code && run.error.message === failure.message;
}

function goesOn(field: string): string {
  return `goes on with ${describeField(field)}`;
}

function whereItIs({ status }: Run): string {
  return status === 'completed' ? 'ends here, completed' : `stands here, ${status}`;
}

/** What the code does where the journal goes another way. */
function instead(asked: Asked, records: ClaimedRun['records'], ended: ReplayEnd): string {
  switch (ended.kind) {
    case 'returned':
      return 'returns';
    case 'rejected':
      return `ends as failed with ${ended.failure.code}`;
    case 'stuck':
      return 'waits for something that is no step';
    case 'dies':
      if (ended.failure.kind !== 'incompatible_flow') return `throws ${ended.failure.message}`;
  }
  const open = asked.unsettled();
  const other = open.find((field) => !records.has(field)) ?? open[0];
  if (other !== undefined) return `asks for ${describeField(other)}`;
  return asked.rejection === undefined ? 'returns' : `ends as failed with ${asked.rejection}`;
}

function describeField(field: string): string {
  const { kind, name } = parseField(field) ?? { kind: 'record', name: field };
  switch (kind) {
    case 'timer':
      return `the sleep number ${name.replace(/^sleep-/, '')}`;
    case 'wait': {
      const callback = callbackOfSignal(name);
      if (callback !== undefined) return `the wait for callback "${callback}"`;
      return `the wait for signal "${signalOfWait(name)}"`;
    }
    case 'state':
      return `the access to state "${signalOfWait(name.slice(4))}" (${name.slice(0, 3)})`;
    case 'callback':
      return `the callback "${signalOfWait(name)}"`;
    case 'undo':
      return `the undo of step "${effectNameOf(name)}"`;
    case 'child':
      return `the child run "${name}"`;
    default:
      return `${kind} "${name}"`;
  }
}

const NO_JOURNAL = new Proxy({} as Journal, {
  get: () => () => Promise.reject(new Error('a replay writes nothing')),
});

const SILENT: Log = { debug() {}, info() {}, warn() {}, error() {} };
