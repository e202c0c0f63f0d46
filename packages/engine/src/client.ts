import { randomUUID } from 'node:crypto';
import type { Cluster, Redis } from 'ioredis';
import { type FlowContract, laneOf } from './contract/define-flow.ts';
import { MAX_TIMER_MS } from './contract/duration.ts';
import { FlowRegistry } from './contract/flow-registry.ts';
import { faultsOf, type InputFault } from './contract/input-faults.ts';
import { checkSize, LIMITS } from './contract/limits.ts';
import type { PayloadCodec } from './contract/payload-codec.ts';
import { isOver, type Json, type Run, type Tags } from './contract/run.ts';
import type { StateCondition, StateEntry } from './contract/state.ts';
import { encodeJson } from './journal/codec.ts';
import { childSignal, isReservedSignal } from './journal/identity.ts';
import type { Draw, Look, Payloads } from './journal/journal.ts';
import { keysOf, type Reference, runIdOf } from './journal/keys.ts';
import type { Pause, PauseOf } from './journal/pauses.ts';
import { redisJournal } from './journal/redis-journal.ts';
import {
  answerOf,
  answerToken,
  decoded,
  type Resolution,
  resultFaults,
  unanswered,
} from './journal/resolution.ts';
import { redisStateStore } from './journal/state-store.ts';
import type { StepRecord } from './journal/step-record.ts';
import { AnnouncedEnds } from './observe/announced-ends.ts';
import { type ListQuery, listRuns, type RunPage, runsByKey } from './observe/run-list.ts';
import { RunWatch } from './observe/run-watch.ts';
import { activeTraceparent } from './observe/spans.ts';
import { stateOf } from './observe/state.ts';
import { orUnavailable } from './or-unavailable.ts';
import { cancelRun, completeCallback, sendSignal } from './queue/child-runs.ts';
import { bringBack } from './queue/dead-letters.ts';
import { Jobs } from './queue/jobs.ts';
import { wakeResumed } from './queue/resumed.ts';

export interface SubmitRequest {
  readonly flow: string;
  /** Parsed JSON from outside; checked against the flow's schema before anything is written. */
  readonly input: unknown;
  readonly tenant: string;
  /** 1–255 visible ASCII characters. Together with tenant and flow it determines the run's id. */
  readonly idempotencyKey: string;
  /** Equal for two requests that are the same; a key that comes again with another fingerprint is refused. */
  readonly fingerprint: string;
  /** Unix milliseconds; the run starts then, or at once when that is past. At most a year ahead. */
  readonly startAt?: number;
  /** At most 10; names of 1 to 40 lower-case letters, digits, "_" or "-"; values of 1 to 100 visible ASCII characters without ",". */
  readonly tags?: Tags;
  /**
   * From 0 to 9, the most urgent: while more runs wait than workers can take, the tenant's most urgent ones of the flow go first. Other
   * tenants' runs are not held up. A run with a start time goes by that. Default 0.
   */
  readonly priority?: number;
  /**
   * A W3C `traceparent`, kept with a run that it creates: its requests to providers belong to that trace. Default: what is being traced by
   * OpenTelemetry where it is submitted, which comes first.
   */
  readonly trace?: string | undefined;
}

export type SubmitReply =
  | { readonly outcome: 'created'; readonly run: Run }
  | { readonly outcome: 'replayed'; readonly run: Run }
  | { readonly outcome: 'key_reused'; readonly runId: string };

/** Nothing was written; the key stays free. */
export type DrawRefusal =
  | { readonly outcome: 'source_not_completed' }
  | { readonly outcome: 'draw_exceeds'; readonly left: number };

/** The input does not fit the flow's schema. Nothing was written; the key stays free. */
export class InvalidInputError extends Error {
  readonly code = 'validation_failed';
  constructor(
    readonly flow: string,
    readonly faults: readonly InputFault[],
  ) {
    super(`input of flow "${flow}": ${faults.map((f) => `${f.path || '(input)'}: ${f.message}`).join('; ')}`);
    this.name = 'InvalidInputError';
  }
}

export class UnknownFlowError extends Error {
  readonly code = 'flow_unknown';
  constructor(readonly flow: string) {
    super(`no flow is called "${flow}"`);
    this.name = 'UnknownFlowError';
  }
}

export interface Signal {
  /** Unique for the run: 1 to 200 letters, digits, "_", "-", "." or ":". */
  readonly id: string;
  readonly name: string;
  readonly payload: Json;
  /** The run's generation that it is meant for. Default: whichever runs. */
  readonly generation?: number | undefined;
}

/**
 * `too_many`, `too_large`: the run keeps as many signals, or bytes of them, that no wait has taken as it may. `generation_ended`: another
 * generation of the run is there than the signal was meant for.
 */
export type SignalOutcome =
  | ('delivered' | 'repeated' | 'run_finished' | 'too_many' | 'too_large')
  | 'generation_ended';

/** How a callback ends: as its flow hopes, or refused with a code of whoever completes it. */
export type CallbackOutcome = (
  | { readonly result: Json }
  | { readonly error: { readonly code: string; readonly message: string } }
) & {
  /** The same for the same outcome: at most 100 letters and digits. */
  readonly fingerprint: string;
};

/** `other_outcome`: it was completed otherwise before. `unknown`: it never was, its time is up, or its run is being undone or over. */
export type CallbackCompletion = 'completed' | 'repeated' | 'other_outcome' | 'too_large' | 'unknown';

/**
 * `not_in_doubt`: the run has no such step, or what is asked is known. `result_invalid`: the flow could not go on with the result;
 * nothing was recorded.
 */
export type ResolveReply =
  | { readonly outcome: 'resolved' | 'not_dead' | 'not_in_doubt' }
  | { readonly outcome: 'result_invalid'; readonly faults: readonly InputFault[] };

/** `flow_unknown`: no flow of the run's name and version is registered, so no worker would ever take it. The run stays dead. */
export type RedriveOutcome = 'redriven' | 'not_dead' | 'flow_unknown';

/**
 * `effects_unanswered`: the dead run's flow is not registered, so nobody can undo what it did; a person must say first of each of its
 * steps what became of it.
 */
export type CancelOutcome = 'cancelling' | 'run_finished' | 'effects_unanswered';

/** The name or the id of a signal cannot be used, or its payload is too large. */
export class InvalidSignalError extends Error {
  readonly code = 'signal_invalid';
  constructor(message: string) {
    super(message);
    this.name = 'InvalidSignalError';
  }
}

/** Tags or a start time that a run cannot have. Nothing was written; the key stays free. */
export class InvalidSubmissionError extends Error {
  readonly code = 'submission_invalid';
  constructor(message: string) {
    super(message);
    this.name = 'InvalidSubmissionError';
  }
}

/** The way into the engine for whoever submits and reads runs. Every call fails within its connection's time-out. */
export interface Client {
  /** Durable when it returns: the run is recorded and its job is queued. */
  submit(request: SubmitRequest): Promise<SubmitReply>;
  /** Submits a run that takes an amount from a completed run, in one step with its creation, or not at all. */
  submitDrawing(request: SubmitRequest, draw: Draw): Promise<SubmitReply | DrawRefusal>;
  /** @returns undefined when there is no such run for this tenant. */
  getRun(tenant: string, runId: string, look?: Look): Promise<Run | undefined>;
  /** Whether a tenant has this run. */
  hasRun(tenant: string, runId: string): Promise<boolean>;
  /** What a run was given, gave and got, of its present generation. @returns undefined when there is no such run for this tenant. */
  readPayloads(tenant: string, runId: string): Promise<Payloads | undefined>;
  /** The run with its input, decoded where it is encoded. @throws UnreadablePayloadError */
  withInput<R extends Run>(run: R): Promise<R & { readonly input: Json }>;
  /** A run of whatever tenant: for operators of the whole system, never on behalf of a tenant. */
  findRun(runId: string, look?: Look): Promise<Run | undefined>;
  /** Every tenant that has submitted a run: for operators of the whole system. */
  tenants(): Promise<readonly string[]>;
  /** The run that a key reaches. @returns undefined when the key is free */
  findByKey(tenant: string, flow: string, idempotencyKey: string): Promise<Run | undefined>;
  /**
   * A tenant's runs, the newest first; dead ones alone, the last to die first. Looks at a bounded number of runs for a page, so that one
   * may be short and yet have a next one.
   */
  listRuns(tenant: string, query?: ListQuery): Promise<RunPage>;
  /**
   * The same of all tenants together: for operators of the whole system. By key or tag the tenants are asked one by one, the first 500 of
   * the alphabet, and there is no next page.
   */
  listAll(query?: ListQuery): Promise<RunPage & { readonly tenantsLeftOut?: number }>;
  /** A tenant's dead runs, the last one to die first. */
  listDead(
    tenant: string,
    query?: Pick<ListQuery, 'flow' | 'code' | 'cursor' | 'limit' | 'input'>,
  ): Promise<RunPage>;
  /**
   * The run as soon as it is terminal or dead, or as it stands after `timeoutMs` or when the signal aborts. Redis tells it: all waits of a
   * client share one connection for that, which is closed when nobody has waited for 10 s.
   */
  waitForEnd(
    tenant: string,
    runId: string,
    timeoutMs: number,
    signal?: AbortSignal,
  ): Promise<Run | undefined>;
  /**
   * How the run stands after each change since `run`, without its input. Changes in quick succession may be seen as one; the last one is always seen. Ends
   * after a terminal one, when the run is no more, or when the signal aborts. Waits out an unreachable Redis. Many may follow runs at
   * once: they share one look at Redis.
   */
  changes(run: Run, signal: AbortSignal): AsyncGenerator<Run, void>;
  /** Keeps a signal for a run; the same id again changes nothing. @returns undefined when there is no such run for this tenant */
  signal(tenant: string, runId: string, signal: Signal): Promise<SignalOutcome | undefined>;
  /** Completes a callback, whichever tenant's, once; the same outcome again changes nothing. */
  completeCallback(id: string, outcome: CallbackOutcome): Promise<CallbackCompletion>;
  /**
   * The run that registered a reference last, by `ctx.correlate`.
   * @param waiter a run of the same tenant that gets the signal `correlated` when somebody registers it within a day, if nobody has
   */
  correlatedRun(tenant: string, reference: Reference, waiter: string): Promise<string | undefined>;
  /** A value of a tenant's state; encrypted ones are not shown. */
  readState(tenant: string, name: string): Promise<StateEntry | undefined>;
  /**
   * @throws StateError for a name or a value that cannot be
   * @returns undefined when the value is not as expected: nothing was changed
   */
  writeState(
    tenant: string,
    name: string,
    value: Json,
    expected?: StateCondition,
  ): Promise<{ readonly entry: StateEntry; readonly isNew: boolean } | undefined>;
  /** `changed`: the value is not as expected, and is left. */
  deleteState(
    tenant: string,
    name: string,
    expected?: StateCondition,
  ): Promise<'deleted' | 'changed' | 'unknown'>;
  /** A tenant's values whose names begin with `prefix`, in the order of their names. */
  listState(
    tenant: string,
    query?: { readonly prefix?: string; readonly cursor?: string; readonly limit?: number },
  ): Promise<{ readonly entries: readonly StateEntry[]; readonly nextCursor?: string }>;
  /**
   * Asks a run to undo what was done and end as cancelled. A dead run of which nothing is left to undo ends without its flow, which may
   * be gone or not fit any more.
   */
  cancel(tenant: string, runId: string): Promise<CancelOutcome | undefined>;
  /**
   * Starts a terminal run afresh, with the flow's latest version. Asked twice at once, it starts once. `drawn`: refused, because it draws
   * upon another run or is drawn upon.
   */
  rerun(tenant: string, runId: string): Promise<'rerun' | 'not_finished' | 'drawn' | undefined>;
  /**
   * Lets a dead run go on from the step that failed, with fresh attempts. A run that is not dead, or that no worker would take, is left
   * alone.
   * @param death the death that is meant, as the run's `deaths` told it; a run that has died again since is left alone too
   */
  redrive(tenant: string, runId: string, death?: number): Promise<RedriveOutcome | undefined>;
  /**
   * Says what happened to a dead run's effect in doubt, or to its undo, and lets the run go on. A run that would only die again (its flow
   * does not fit or is gone, or it ended its workers) stays dead; once all is answered for, a cancel ends it. The same answer again is
   * answered the same.
   */
  resolve(tenant: string, runId: string, resolution: Resolution): Promise<ResolveReply | undefined>;
  /**
   * Keeps runs that have not begun from beginning; submissions are accepted, and what runs goes on. A child run begins all the same
   * when it is its tenant that is paused. Flows and tenants need not be known.
   * @param by who asks for it, for those who look
   */
  pause(of: PauseOf, by: string): Promise<'paused' | 'paused_already'>;
  /** Lets begin what a pause held back, unless another pause does, in the order in which it came. */
  resume(of: PauseOf): Promise<'resumed' | 'not_paused'>;
  /** Whatever is paused, for any tenant; the earliest first. */
  pauses(): Promise<readonly Pause[]>;
  /** Throws StoreUnavailableError unless Redis answers and takes writes. */
  ping(): Promise<void>;
  /** Ends what the client opened; the connection stays the caller's. */
  close(): Promise<void>;
}

export interface ClientOptions {
  /** Should fail fast: no offline queue, a command time-out. */
  readonly connection: Redis | Cluster;
  /** New runs begin with the highest version of a flow. */
  readonly flows: readonly FlowContract[];
  /** The config's. Default: payloads are kept as they are. */
  readonly codec?: PayloadCodec | undefined;
}

const PROBE_HOLDS_MS = 10_000;
/** Asked one by one for what no list of all tenants tells. */
const MOST_TENANTS = 500;

export function createClient({ connection, flows, codec }: ClientOptions): Client {
  const registry = new FlowRegistry<FlowContract>(flows);
  const journal = askingRedis(redisJournal({ connection, retentionMs: 0, codec }));
  const jobs = askingRedis(new Jobs(connection));
  const redis = askingRedis(connection);
  const announced = new AnnouncedEnds(connection);
  const watch = new RunWatch(journal, announced);

  const send = async (
    {
      flow: name,
      input,
      tenant,
      idempotencyKey,
      fingerprint,
      startAt,
      tags,
      priority,
      trace: told,
    }: SubmitRequest,
    draw?: Draw,
  ): Promise<SubmitReply | DrawRefusal> => {
    const flow = registry.latest(name);
    if (!flow) throw new UnknownFlowError(name);
    const checked = checkInput(flow, input);
    const trace = activeTraceparent() ?? told;
    const runId = runIdOf(tenant, name, idempotencyKey);
    const run = {
      runId,
      ...{ fingerprint, tenant, flow: name, version: flow.version, idempotencyKey },
      input: await journal.encodeInput(runId, checked.json),
      ...(draw && { draw }),
      ...(startAt !== undefined && { startAt }),
      ...(tags && Object.keys(tags).length > 0 && { tags }),
      ...(priority !== undefined && { priority }),
      lane: laneOf(flow, tenant, checked.input),
      ...(trace !== undefined && { trace }),
    };
    checkTags(tags);
    checkPriority(priority);
    checkStart(startAt, Date.now());
    const delayMs = startAt === undefined ? 0 : startAt - Date.now();
    void jobs.open(name);
    // sent together: a job without a run behind it does nothing
    const [created] = await Promise.all([
      journal.createRun(run),
      delayMs > 0 && jobs.add(name, run.runId, run.runId, delayMs),
    ]);
    switch (created.outcome) {
      case 'created':
        return { outcome: 'created', run: newRun(run, checked.input, created.now) };
      case 'replayed':
        return created;
      case 'key_reused':
        return { outcome: 'key_reused', runId: run.runId };
      case 'source_not_completed':
      case 'draw_exceeds':
        return created;
    }
  };

  const find = async (tenant: string, runId: string) => {
    const run = await journal.whereIs(runId);
    return run?.tenant === tenant ? run : undefined;
  };

  const recordsOf = async (runId: string): Promise<Map<string, StepRecord>> =>
    decoded(await journal.readRecords(runId));

  const client: Client = {
    async submit(request) {
      const reply = await send(request);
      if ('run' in reply || reply.outcome === 'key_reused') return reply;
      throw new Error(`a submission without a draw was answered ${reply.outcome}`);
    },

    submitDrawing: send,

    async getRun(tenant, runId, look) {
      const run = await journal.readRun(runId, look);
      return run?.tenant === tenant ? run : undefined;
    },

    hasRun: async (tenant, runId) => (await find(tenant, runId)) !== undefined,

    async readPayloads(tenant, runId) {
      const kept = await journal.readPayloads(runId);
      if (kept?.tenant !== tenant) return undefined;
      const { tenant: _, ...payloads } = kept;
      return payloads;
    },

    async withInput(run) {
      const { input = (await journal.readInput(run.id)) ?? null } = run;
      return { ...run, input };
    },

    findRun: (runId, look) => journal.readRun(runId, look),
    tenants: async () => (await journal.tenants()).toSorted(),

    findByKey: (tenant, flow, idempotencyKey) => client.getRun(tenant, runIdOf(tenant, flow, idempotencyKey)),

    listRuns: (tenant, { key, ...query } = {}) =>
      key === undefined
        ? listRuns(journal, query.status === 'dead' ? 'dead' : 'runs', tenant, query)
        : runsByKey(journal, [tenant], registry.names(), { ...query, key }),
    async listAll({ key, ...query } = {}) {
      if (query.tag === undefined && key === undefined)
        return listRuns(journal, query.status === 'dead' ? 'dead' : 'runs', undefined, query);
      const all = await client.tenants();
      const tenants = all.slice(0, MOST_TENANTS);
      const left = all.length > tenants.length ? { tenantsLeftOut: all.length - tenants.length } : {};
      if (key !== undefined)
        return { ...(await runsByKey(journal, tenants, registry.names(), { ...query, key })), ...left };
      const { limit = 50 } = query;
      const pages = await Promise.all(tenants.map((tenant) => listRuns(journal, 'runs', tenant, query)));
      const runs = pages.flatMap((page) => page.runs).sort((a, b) => b.createdAt - a.createdAt);
      return { runs: runs.slice(0, limit), ...left };
    },

    listDead: (tenant, query = {}) => listRuns(journal, 'dead', tenant, { ...query, status: 'dead' }),

    async waitForEnd(tenant, runId, timeoutMs, signal) {
      const late = AbortSignal.timeout(Math.min(timeoutMs, MAX_TIMER_MS));
      const until = signal ? AbortSignal.any([late, signal]) : late;
      const run = await client.getRun(tenant, runId);
      if (!run || isOver(run.status)) return run;
      return (await watch.end(run, until)) ?? client.getRun(tenant, runId);
    },

    changes: (run, signal) => watch.changes(run, signal),

    async signal(tenant, runId, signal) {
      checkSignal(signal);
      if (!(await find(tenant, runId))) return undefined;
      const outcome = await sendSignal(journal, jobs, runId, signal);
      return outcome === 'unknown' ? undefined : outcome;
    },

    async completeCallback(id, { fingerprint, ...outcome }) {
      if (!/^[A-Za-z0-9]{1,100}$/.test(fingerprint))
        throw new TypeError('the fingerprint of an outcome is 1 to 100 letters and digits');
      if ('result' in outcome) checkKept(outcome.result, 'the result of the callback');
      return completeCallback(journal, jobs, id, { fingerprint, outcome });
    },

    correlatedRun: (tenant, reference, waiter) => journal.correlatedRun(tenant, reference, waiter),

    ...stateOf(askingRedis(redisStateStore({ connection }))),

    async cancel(tenant, runId) {
      const run = await find(tenant, runId);
      if (!run) return undefined;
      for (;;) {
        const now = run.status === 'dead' ? await find(tenant, runId) : run;
        if (!now) return undefined;
        const steps = now.status === 'dead' && !now.lost ? unanswered(await recordsOf(runId)) : undefined;
        if (now.status === 'dead' && steps?.length !== 0 && !registry.get(now.flow, now.version))
          return 'effects_unanswered';
        const answeredAt = steps?.length === 0 ? now.revision : undefined;
        const outcome = await cancelRun(journal, jobs, now, answeredAt);
        if (outcome === 'unknown') return undefined;
        if (outcome !== 'changed') return outcome;
      }
    },

    async rerun(tenant, runId) {
      const run = await find(tenant, runId);
      const flow = run && registry.latest(run.flow);
      if (!flow) return undefined;
      const reply = await journal.rerunRun(runId, run.generation, flow.version);
      if (reply.outcome === 'rerun') await jobs.add(reply.job.flow, runId, reply.job.jobId);
      if (reply.outcome === 'unknown') return undefined;
      return reply.outcome === 'not_finished' || reply.outcome === 'drawn' ? reply.outcome : 'rerun';
    },

    async redrive(tenant, runId, death) {
      const run = await find(tenant, runId);
      if (!run) return undefined;
      if (run.status === 'dead' && !registry.get(run.flow, run.version)) return 'flow_unknown';
      const meant = death ?? run.deaths;
      const jobId = await journal.redriveRun(run, meant, randomUUID());
      if (jobId === undefined) return 'not_dead';
      await bringBack(jobs, { runId, flow: run.flow, jobId, death: meant });
      return 'redriven';
    },

    async resolve(tenant, runId, resolution) {
      const run = await find(tenant, runId);
      if (!run) return undefined;
      if (run.acted === answerToken(run, resolution)) return { outcome: 'resolved' };
      if (run.status !== 'dead') return { outcome: 'not_dead' };
      const flow = registry.get(run.flow, run.version);
      const [texts, now] = await Promise.all([journal.readRecords(runId), journal.now()]);
      const answer = answerOf({ ...run, knowsFlow: flow !== undefined }, texts, resolution, now);
      if (!answer) return { outcome: 'not_in_doubt' };
      const faults = resultFaults(flow, resolution);
      if (faults.length > 0) return { outcome: 'result_invalid', faults };
      const reply = await journal.resolveStep(run, answer);
      switch (reply.outcome) {
        case 'resolved':
          if (reply.job) await bringBack(jobs, { runId, ...reply.job, death: reply.deaths });
          return { outcome: 'resolved' };
        case 'changed':
          return { outcome: 'not_in_doubt' };
        case 'not_dead':
          return { outcome: 'not_dead' };
        case 'unknown':
          return undefined;
      }
    },

    pause: (of, by) => journal.pause(of, by),

    async resume(of) {
      const resumed = await journal.resume(of);
      // also what an earlier call left that was cut short; the workers' sweepers wake the rest
      await wakeResumed(journal, jobs);
      return resumed ? 'resumed' : 'not_paused';
    },

    pauses: () => journal.pauses(),

    async ping() {
      await redis.set(keysOf(connection).probe, 1, 'PX', PROBE_HOLDS_MS);
    },

    async close() {
      announced.close();
      await jobs.close();
    },
  };
  return client;
}

function checkInput(flow: FlowContract, input: unknown): { readonly input: Json; readonly json: string } {
  const checked = flow.input.safeParse(input);
  if (!checked.success) {
    throw new InvalidInputError(flow.name, faultsOf(checked.error));
  }
  const what = `the input of flow "${flow.name}"`;
  const json = encodeJson(checked.data, what) ?? 'null';
  try {
    checkSize(json, LIMITS.inputBytes, 'input_too_large', what);
  } catch (error) {
    throw new InvalidInputError(flow.name, [
      { path: '', message: error instanceof Error ? error.message : String(error) },
    ]);
  }
  return { input: checked.data as Json, json };
}

function newRun(
  run: {
    readonly runId: string;
    readonly tenant: string;
    readonly flow: string;
    readonly version: number;
    readonly idempotencyKey: string;
    readonly startAt?: number;
    readonly tags?: Tags;
    readonly trace?: string;
  },
  input: Json,
  now: number,
): Run {
  const { runId: id, tenant, flow, version, idempotencyKey, startAt, tags, trace } = run;
  const at = { createdAt: now, updatedAt: now };
  const standing =
    startAt !== undefined && startAt > now
      ? { status: 'suspended' as const, waitingFor: { kind: 'start' as const, until: startAt } }
      : { status: 'pending' as const };
  return {
    id,
    tenant,
    flow,
    version,
    generation: 1,
    idempotencyKey,
    input,
    ...(tags && { tags }),
    ...(trace !== undefined && { trace }),
    ...standing,
    steps: [],
    waits: [],
    warnings: [],
    signals: [],
    events: [],
    callsLeftOut: 0,
    drawn: 0,
    settled: 0,
    revision: 1,
    ...at,
  };
}

const MAX_TAGS = 10;
const MAX_AHEAD_MS = 366 * 24 * 60 * 60 * 1_000;

function checkTags(tags: Tags = {}): void {
  const entries = Object.entries(tags);
  if (entries.length > MAX_TAGS)
    throw new InvalidSubmissionError(`at most ${MAX_TAGS} tags, got ${entries.length}`);
  for (const [name, value] of entries) {
    if (!/^[a-z0-9_-]{1,40}$/.test(name))
      throw new InvalidSubmissionError(
        `the name of a tag is 1 to 40 lower-case letters, digits, "_" or "-", got ${JSON.stringify(name)}`,
      );
    if (!/^[!-+\--~]{1,100}$/.test(value))
      throw new InvalidSubmissionError(
        `the value of the tag "${name}" must be 1 to 100 visible ASCII characters without ","`,
      );
  }
}

function checkPriority(priority = 0): void {
  if (Number.isInteger(priority) && priority >= 0 && priority <= 9) return;
  throw new InvalidSubmissionError(`a priority is a whole number from 0 to 9, got ${priority}`);
}

function checkStart(startAt: number | undefined, now: number): void {
  if (startAt === undefined || (Number.isSafeInteger(startAt) && startAt <= now + MAX_AHEAD_MS)) return;
  throw new InvalidSubmissionError('a run can start at most a year from now');
}

function checkSignal({ id, name, payload }: Signal): void {
  if (!/^[A-Za-z0-9_.:-]{1,200}$/.test(id)) {
    throw new InvalidSignalError('a signal id is 1 to 200 letters, digits, "_", "-", "." or ":"');
  }
  if (!/^[A-Za-z0-9_.-]{1,100}$/.test(name) || isReservedSignal(name)) {
    throw new InvalidSignalError(
      `a signal name is 1 to 100 letters, digits, "_", "-" or ".", and does not begin with "${childSignal('')}"`,
    );
  }
  checkKept(payload, `the payload of signal "${name}"`);
}

function checkKept(payload: Json, what: string): void {
  try {
    checkSize(encodeJson(payload, what), LIMITS.resultBytes, 'payload_too_large', what);
  } catch (error) {
    throw new InvalidSignalError(error instanceof Error ? error.message : String(error));
  }
}

/** Each call of what asks Redis rejects with StoreUnavailableError when Redis is unreachable; what it refuses is a mistake of ours. */
function askingRedis<T extends object>(target: T): T {
  return new Proxy(target, {
    get(_target, name) {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== 'function') return member;
      return (...args: unknown[]) => orUnavailable((async () => member.apply(target, args))());
    },
  });
}
