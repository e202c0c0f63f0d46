import { randomBytes } from 'node:crypto';
import { runScript, runScriptFirst, type ScriptReply, sendInOneWrite } from '@holdfast/redis';
import type { Cluster, Redis } from 'ioredis';
import { LIMITS } from '../contract/limits.ts';
import type { Run } from '../contract/run.ts';
import { callbackSignal, parseField } from './identity.ts';
import type {
  CallbackReply,
  CancelReply,
  ClaimReply,
  Entry,
  Journal,
  RerunReply,
  ResolveReply,
  SignalReply,
  Whereabouts,
  WriteReply,
} from './journal.ts';
import { keys, LISTED_APART, TAGS_KEPT_MS } from './keys.ts';
import {
  CorruptRecordError,
  decodeClaimed,
  decodePayloads,
  decodeRun,
  decodeWhereabouts,
  fieldsOf,
  WHEREABOUTS_FIELDS,
} from './run-codec.ts';
import { loadScript } from './scripts.ts';

/** By when a hand-over must have happened before a sweeper looks after it. */
const GRACE_MS = {
  /** Create → claim. Long enough that a busy queue does not keep the sweepers busy. */
  enqueue: 10_000,
  /** Redrive or reissue → claim. */
  reissue: 5_000,
  /** The end of a wait → claim. */
  wake: 2_000,
  /** A signal, a cancel → claim. */
  signal: 2_000,
  /** A child's end → its parent told. */
  parent: 2_000,
  /** Death → letter. */
  letter: 2_000,
  /** One sweeper's time to look after a run. */
  sweep: 5_000,
} as const;

/** How long a run waits for somebody to register a reference. */
const UNCORRELATED_KEPT_MS = 24 * 60 * 60 * 1_000;

const scripts = {
  createRun: loadScript('create-run'),
  claimRun: loadScript('claim-run'),
  recordStep: loadScript('record-step'),
  recordDoubts: loadScript('record-doubts'),
  startCompensation: loadScript('start-compensation'),
  suspendRun: loadScript('suspend-run'),
  finishRun: loadScript('finish-run'),
  buryRun: loadScript('bury-run'),
  redriveRun: loadScript('redrive-run'),
  reissueRun: loadScript('reissue-run'),
  deliverSignal: loadScript('deliver-signal'),
  completeCallback: loadScript('complete-callback'),
  correlate: loadScript('correlate'),
  findCorrelated: loadScript('find-correlated'),
  cancelRun: loadScript('cancel-run'),
  endAnswered: loadScript('end-answered'),
  readRun: loadScript('read-run'),
  rerunRun: loadScript('rerun-run'),
  resolveStep: loadScript('resolve-step'),
  takeAlarms: loadScript('take-alarms'),
  moveAlarm: loadScript('move-alarm'),
  proveLife: loadScript('prove-life'),
  listRuns: loadScript('list-runs'),
};

export interface RedisJournalOptions {
  readonly connection: Redis | Cluster;
  /** How long terminal runs are kept. */
  readonly retentionMs: number;
  /** Sends a transition; a worker's outlasts a Redis that takes no writes. Default: sends it once. */
  readonly send?: <T>(command: () => Promise<T>) => Promise<T>;
}

export function redisJournal({
  connection,
  retentionMs,
  send = (command) => command(),
}: RedisJournalOptions): Journal {
  const call = (
    script: keyof typeof scripts,
    keyNames: readonly string[],
    args: readonly (string | number)[],
  ) => send(() => runScript(connection, scripts[script], keyNames, args));
  const redisNow = async () => {
    const [seconds, micros] = await connection.time();
    return Number(seconds) * 1000 + Math.floor(Number(micros) / 1000);
  };
  const ofRun = (runId: string) => [keys.run(runId), keys.alarms];

  return {
    async createRun(run) {
      const { runId, fingerprint, tenant, flow, version, idempotencyKey, input } = run;
      const { parent, draw, cancelled, trace, tags, startAt } = run;
      const lists = Object.entries(tags ?? {}).map(([name, value]) => keys.tag(tenant, { name, value }));
      const sources = draw || lists.length > 0 ? [keys.run(draw?.from ?? runId)] : [];
      const { reply, late } = await send(() =>
        runScriptFirst(
          connection,
          scripts.createRun,
          [...ofRun(runId), keys.runs(tenant), keys.tenants, ...sources, ...lists],
          [
            runId,
            fingerprint,
            tenant,
            flow,
            version,
            idempotencyKey,
            input,
            startAt === undefined ? GRACE_MS.enqueue : GRACE_MS.wake,
            parent ? JSON.stringify(parent) : '',
            cancelled ? '1' : '',
            ...(draw ? [JSON.stringify(draw), draw.amount, draw.limit] : ['', 0, 0]),
            trace ?? '',
            ...(tags || startAt !== undefined
              ? [JSON.stringify(tags ?? {}), TAGS_KEPT_MS, startAt ?? '']
              : []),
          ],
        ),
      );
      const [word, now, ...pairs] = list(reply);
      if (word === 'created') return { outcome: 'created', now: Number(now), late };
      if (word === 'key_reused' || word === 'source_not_completed') return { outcome: word };
      if (word === 'draw_exceeds') return { outcome: word, left: Number(pairs[0]) };
      if (word === 'replayed') return { outcome: 'replayed', run: decodeRun(runId, fieldsOf(pairs)) };
      throw unexpected('create-run', word);
    },

    async claimRun(runId, jobId, claimant, versions): Promise<ClaimReply> {
      const [word, first, owner, claims, lost, rolledBackAt, forgotSince, pairs] = list(
        await call(
          'claimRun',
          [keys.run(runId), keys.rollback, keys.alarms, keys.workers],
          [claimant, jobId, `,${versions.join(',')},`, runId],
        ),
      );
      switch (word) {
        case 'claimed':
          return {
            outcome: 'claimed',
            run: decodeClaimed(
              runId,
              fieldsOf([...list(pairs ?? null), 'owner', owner, 'claims', claims]),
              Number(first),
              {
                lostSince: lost ? Number(lost) : undefined,
                forgot: forgotSince
                  ? { noticedAt: Number(rolledBackAt), since: Number(forgotSince) }
                  : undefined,
              },
            ),
          };
        case 'version_missing':
          return { outcome: 'version_missing', version: Number(first), againMs: Number(owner) };
        case 'held':
          return { outcome: 'held', againMs: Number(first) };
        case 'unknown':
        case 'superseded':
        case 'ended':
          return { outcome: word };
        default:
          throw unexpected('claim-run', word);
      }
    },

    async recordStep(run, entries, progress) {
      const reply = await call(
        'recordStep',
        [keys.run(run.runId)],
        [run.owner, progress ? '1' : '0', ...flat(entries)],
      );
      return writeReply('record-step', reply, 'recorded');
    },

    async recordDoubts(run, entries) {
      const reply = await call('recordDoubts', [keys.run(run.runId)], [run.owner, ...flat(entries)]);
      return writeReply('record-doubts', reply, 'recorded');
    },

    async startCompensation(run, end, entries) {
      const failure = end.ends === 'failed' ? JSON.stringify(end.failure) : '';
      const reply = await call(
        'startCompensation',
        [keys.run(run.runId)],
        [run.owner, end.ends, failure, ...flat(entries)],
      );
      return writeReply('start-compensation', reply, 'compensating');
    },

    async suspendRun(run, park, entries) {
      const [delayMs, wait] = park.for === 'wait' ? [park.delayMs, JSON.stringify(park.waiting)] : [0, ''];
      const reply = await call('suspendRun', ofRun(run.runId), [
        run.owner,
        run.runId,
        delayMs,
        GRACE_MS.wake,
        wait,
        run.signals.length,
        ...flat(entries),
      ]);
      return reply === 'signalled' ? reply : writeReply('suspend-run', reply, 'suspended');
    },

    async finishRun(run, end, entries) {
      const output = end.status === 'completed' ? end.output : '';
      const failure = end.status === 'failed' ? JSON.stringify(end.failure) : '';
      const drawnUpon = run.draw ? [keys.run(run.draw.from)] : [];
      const settled = end.status === 'completed' || end.effectsStand;
      const reply = await call(
        'finishRun',
        [...ofRun(run.runId), ...drawnUpon],
        [
          ...[run.owner, run.runId, end.status, output, failure, retentionMs, GRACE_MS.parent],
          ...[run.draw?.amount ?? 0, settled ? 'settled' : 'given_back'],
          ...flat(entries),
        ],
      );
      return writeReply('finish-run', reply, 'finished');
    },

    async buryRun(run, failure, entries) {
      const [word, deaths] = list(
        await call(
          'buryRun',
          [...ofRun(run.runId), keys.dead(run.tenant)],
          [run.owner, run.runId, JSON.stringify(failure), GRACE_MS.letter, ...flat(entries)],
        ),
      );
      if (word === 'buried') return Number(deaths);
      if (word === 'stale_owner') return undefined;
      throw unexpected('bury-run', word);
    },

    async redriveRun({ runId, tenant }, death, token) {
      const [word, jobId] = list(
        await call(
          'redriveRun',
          [...ofRun(runId), keys.dead(tenant)],
          [runId, death, token, GRACE_MS.reissue],
        ),
      );
      if (word === 'redriven') return String(jobId);
      if (word === 'not_dead' || word === 'unknown') return undefined;
      throw unexpected('redrive-run', word);
    },

    async reissueRun({ runId, jobId, owner }: Whereabouts) {
      const [word, newJobId, claims] = list(
        await call('reissueRun', ofRun(runId), [runId, jobId, owner, GRACE_MS.reissue]),
      );
      if (word === 'reissued') return { jobId: String(newJobId), claims: Number(claims) };
      if (word === 'moved_on') return undefined;
      throw unexpected('reissue-run', word);
    },

    async deliverSignal(runId, { id, name, payload, generation }, unlimited): Promise<SignalReply> {
      const signal = JSON.stringify({ name, payload });
      const limits = unlimited ? ['', ''] : [LIMITS.signals, LIMITS.signalBytes];
      const [word, flow, jobId] = list(
        await call('deliverSignal', ofRun(runId), [
          ...[runId, id, signal, generation ?? ''],
          ...[...limits, GRACE_MS.signal],
        ]),
      );
      switch (word) {
        case 'delivered':
          return {
            outcome: word,
            parked: jobId == null ? undefined : { flow: String(flow), jobId: String(jobId) },
          };
        case 'repeated':
        case 'run_finished':
        case 'too_many':
        case 'too_large':
        case 'generation_ended':
        case 'unknown':
          return { outcome: word };
        default:
          throw unexpected('deliver-signal', word);
      }
    },

    async completeCallback(runId, hash, { fingerprint, outcome }): Promise<CallbackReply> {
      const [word, flow, jobId] = list(
        await call('completeCallback', ofRun(runId), [
          ...[runId, hash, callbackSignal(''), fingerprint, JSON.stringify(outcome)],
          ...[LIMITS.signalBytes, GRACE_MS.signal],
        ]),
      );
      switch (word) {
        case 'completed':
          return {
            outcome: word,
            parked: jobId == null ? undefined : { flow: String(flow), jobId: String(jobId) },
          };
        case 'repeated':
        case 'other_outcome':
        case 'too_large':
        case 'unknown':
          return { outcome: word };
        default:
          throw unexpected('complete-callback', word);
      }
    },

    async correlate({ runId, tenant, owner }, reference) {
      const [word, ...waiting] = list(
        await call(
          'correlate',
          [...ofRun(runId), keys.correlation(tenant, reference), keys.uncorrelated(tenant, reference)],
          [owner, runId],
        ),
      );
      if (word === 'registered') return waiting.map(String);
      if (word === 'stale_owner') return undefined;
      throw unexpected('correlate', word);
    },

    async forgetUncorrelated(tenant, reference, runIds) {
      if (runIds.length > 0)
        await send(() => connection.srem(keys.uncorrelated(tenant, reference), ...runIds));
    },

    async correlatedRun(tenant, reference, waiter) {
      const [word, runId] = list(
        await call(
          'findCorrelated',
          [keys.correlation(tenant, reference), keys.uncorrelated(tenant, reference)],
          [waiter, UNCORRELATED_KEPT_MS],
        ),
      );
      if (word === 'found') return String(runId);
      if (word === 'none') return undefined;
      throw unexpected('find-correlated', word);
    },

    async callbackKey() {
      const read = () => send(() => connection.get(keys.callbackKey));
      const known = await read();
      if (known !== null) return known;
      // whoever comes first makes it
      await send(() => connection.set(keys.callbackKey, randomBytes(32).toString('base64url'), 'NX'));
      const made = await read();
      if (made === null) throw new Error('the key of callback ids was not kept');
      return made;
    },

    async cancelRun({ runId, tenant }, answeredAt): Promise<CancelReply> {
      const [word, flow, jobId, then, deaths] = list(
        await call(
          'cancelRun',
          [...ofRun(runId), keys.dead(tenant)],
          [runId, GRACE_MS.signal, answeredAt ?? ''],
        ),
      );
      const job = { flow: String(flow), jobId: String(jobId) };
      switch (word) {
        case 'cancelling':
          if (then === 'add' || then === 'ends') return { outcome: word, job, then, deaths: Number(deaths) };
          if (then === 'promote' || then === 'running') return { outcome: word, job, then };
          throw unexpected('cancel-run', then);
        case 'run_finished':
        case 'changed':
        case 'unknown':
          return { outcome: word };
        default:
          throw unexpected('cancel-run', word);
      }
    },

    async endAnswered({ runId, draw }, effectsStand) {
      const drawnUpon = draw ? [keys.run(draw.from)] : [];
      const [word, status] = list(
        await call(
          'endAnswered',
          [...ofRun(runId), ...drawnUpon],
          [runId, retentionMs, GRACE_MS.parent, draw?.amount ?? 0, effectsStand ? 'settled' : 'given_back'],
        ),
      );
      if (word === 'ended') return status as 'failed' | 'cancelled';
      if (word === 'moved_on') return undefined;
      throw unexpected('end-answered', word);
    },

    async rerunRun(runId, generation, version): Promise<RerunReply> {
      const [word, flow, jobId] = list(
        await call('rerunRun', ofRun(runId), [runId, generation, version, GRACE_MS.reissue]),
      );
      switch (word) {
        case 'rerun':
          return { outcome: word, job: { flow: String(flow), jobId: String(jobId) } };
        case 'not_finished':
        case 'drawn':
        case 'repeated':
        case 'unknown':
          return { outcome: word };
        default:
          throw unexpected('rerun-run', word);
      }
    },

    async resolveStep({ runId, tenant }, answer): Promise<ResolveReply> {
      const { field, seen, record, token, goesOn, cancels, provesPresent, step, outcome } = answer;
      const said = `,"step":${JSON.stringify(step)},"outcome":"${outcome}"`;
      const flags = [goesOn ? '1' : '0', cancels ? '1' : '', provesPresent ? '1' : ''];
      const [word, flow, jobId, deaths] = list(
        await call(
          'resolveStep',
          [...ofRun(runId), keys.dead(tenant)],
          [runId, field, seen, record, token, ...flags, GRACE_MS.reissue, said],
        ),
      );
      switch (word) {
        case 'resolved': {
          const job = jobId == null ? undefined : { flow: String(flow), jobId: String(jobId) };
          return { outcome: word, job, deaths: Number(deaths ?? 0) };
        }
        case 'not_dead':
        case 'changed':
        case 'unknown':
          return { outcome: word };
        default:
          throw unexpected('resolve-step', word);
      }
    },

    async takeAlarms(limits) {
      const [now, runIds, schedules] = list(
        await call(
          'takeAlarms',
          [keys.alarms, keys.schedulesDue],
          [limits.runs, GRACE_MS.sweep, limits.schedules],
        ),
      );
      return {
        now: Number(now),
        runIds: list(runIds ?? null).map(String),
        schedules: list(schedules ?? null).map(String),
      };
    },

    async moveAlarm(runId, delayMs) {
      await call('moveAlarm', ofRun(runId), [runId, delayMs]);
    },

    async moveAlarmOfDead(runId, death, delayMs) {
      return (await call('moveAlarm', ofRun(runId), [runId, delayMs, death])) === 'moved';
    },

    async whereIs(runId) {
      return decodeWhereabouts(runId, await connection.hmget(keys.run(runId), ...WHEREABOUTS_FIELDS));
    },

    async readRun(runId) {
      const fields = fieldsOf(list(await runScript(connection, scripts.readRun, [keys.run(runId)], [])));
      return fields.size === 0 ? undefined : decodeRun(runId, fields);
    },

    async readPayloads(runId) {
      const pairs = Object.entries(await connection.hgetall(keys.run(runId)));
      return pairs.length > 0 ? decodePayloads(new Map(pairs)) : undefined;
    },

    async readRecords(runId) {
      const names = (await connection.hkeys(keys.run(runId))).filter((field) => parseField(field));
      if (names.length === 0) return new Map();
      const values = await connection.hmget(keys.run(runId), ...names);
      return new Map(
        names.flatMap((field, index) => {
          const value = values[index];
          return value == null ? [] : [[field, value] as const];
        }),
      );
    },

    async listRuns(of, tenant, { after, filter, look, pick }) {
      const { since = '', before = '', flow = '', status = '', code = '', tag } = filter;
      const [picked, expired, at, runId] = list(
        await call(
          'listRuns',
          [tag ? keys.tag(tenant, tag) : of === 'runs' ? keys.runs(tenant) : keys.dead(tenant)],
          [
            keys.run(''),
            look,
            pick,
            after?.at ?? '+inf',
            after?.runId ?? '',
            since,
            before,
            flow,
            status,
            code,
            of === 'runs' || tag ? `,${[...LISTED_APART].join()},` : '',
          ],
        ),
      );
      return {
        runIds: list(picked ?? null).map(String),
        expired: list(expired ?? null).map(String),
        end: runId === undefined ? undefined : { at: Number(at), runId: String(runId) },
      };
    },

    async readRuns(runIds) {
      if (runIds.length > 0) sendInOneWrite(connection);
      const unreadable: string[] = [];
      const found = await Promise.all(
        runIds.map((runId) =>
          this.readRun(runId).catch((error: unknown) => {
            if (!(error instanceof CorruptRecordError)) throw error;
            unreadable.push(runId);
            return undefined;
          }),
        ),
      );
      return { runs: found.filter((run) => run !== undefined), unreadable };
    },

    async forgetRuns(tenant, runIds, tag) {
      if (runIds.length > 0)
        await connection.zrem(tag ? keys.tag(tenant, tag) : keys.runs(tenant), ...runIds);
    },

    async pruneRuns(tenant, from, limit) {
      const page = await connection.zrangebyscore(
        keys.runs(tenant),
        from,
        '+inf',
        'WITHSCORES',
        'LIMIT',
        0,
        limit,
      );
      const ids = page.filter((_, index) => index % 2 === 0).map(String);
      const there = await Promise.all(ids.map((runId) => connection.exists(keys.run(runId))));
      await this.forgetRuns(
        tenant,
        ids.filter((_, index) => there[index] === 0),
      );
      return ids.length < limit ? undefined : Number(page.at(-1)) + 1;
    },

    async tenants() {
      return connection.smembers(keys.tenants);
    },

    now: redisNow,

    async readStatus(runId) {
      return ((await connection.hget(keys.run(runId), 'status')) ?? undefined) as Run['status'] | undefined;
    },

    async readRevision(runId) {
      const revision = await connection.hget(keys.run(runId), 'revision');
      return revision === null ? undefined : Number(revision);
    },

    async liveWorkers() {
      return new Set(await connection.zrangebyscore(keys.workers, await redisNow(), '+inf'));
    },

    async missingWorkers() {
      return connection.zrangebyscore(keys.workers, '-inf', `(${await redisNow()}`);
    },

    async proveLife(workerId, holdsMs, lastCount, promoted = false) {
      const counters = [keys.workers, keys.canary, keys.rollback];
      const reply = String(
        await call('proveLife', counters, [workerId, holdsMs, lastCount, promoted ? '1' : '']),
      );
      return { count: Number(reply.replace('-', '')), wentBack: reply.startsWith('-') };
    },

    async announceFlows(flows) {
      if (flows.length > 0) await send(() => connection.sadd(keys.flows, ...flows));
    },

    async announceVersions(workerId, versions, holdsMs) {
      await connection.set(keys.fleet(workerId), JSON.stringify(versions), 'PX', holdsMs);
    },

    async flows() {
      return connection.smembers(keys.flows);
    },

    async signOff(workerId) {
      await connection.zrem(keys.workers, workerId);
      await connection.del(keys.fleet(workerId));
    },
  };
}

function flat(entries: readonly Entry[]): string[] {
  return entries.flatMap(({ field, record }) => [field, record]);
}

function list(reply: ScriptReply): readonly ScriptReply[] {
  if (Array.isArray(reply)) return reply as readonly ScriptReply[];
  throw new Error(`a script answered ${JSON.stringify(reply)} where a list was expected`);
}

function writeReply(script: string, reply: ScriptReply, done: string): WriteReply {
  if (reply === done) return 'done';
  if (reply === 'cancel_requested' || reply === 'stale_owner') return reply;
  throw unexpected(script, reply);
}

function unexpected(script: string, reply: ScriptReply | undefined): Error {
  return new Error(`${script} answered ${JSON.stringify(reply)}, which this version does not know`);
}
