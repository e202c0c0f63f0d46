import { randomBytes } from 'node:crypto';
import { runScript, type ScriptReply, sendInOneWrite } from '@holdfast/redis';
import type { Cluster, Redis } from 'ioredis';
import { LIMITS } from '../contract/limits.ts';
import { type PayloadCodec, UnreadablePayloadError } from '../contract/payload-codec.ts';
import type { Failure, Json } from '../contract/run.ts';
import { callbackIndexField, callbackSignal, parseField } from './identity.ts';
import type {
  CallbackReply,
  CancelReply,
  ClaimedRun,
  ClaimReply,
  Entry,
  Journal,
  RerunReply,
  ResolveReply,
  SignalReply,
  Tag,
  Whereabouts,
  WriteReply,
} from './journal.ts';
import { type Keys, keysOf, LISTED_APART, TAGS_KEPT_MS } from './keys.ts';
import { pauseField, pausesIn } from './pauses.ts';
import { PayloadCoding } from './payload-coding.ts';
import {
  CorruptRecordError,
  decodeClaimed,
  decodePayloads,
  decodeRun,
  decodeWhereabouts,
  type Fields,
  fieldsOf,
  inputIn,
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
  /** The end of a pause → claim. */
  resume: 2_000,
} as const;

/** So many jobs may wait in a queue, whatever its workers can take: the fewer, the sooner the most urgent run comes to its turn. */
const LEAST_WINDOW = 2;

/** A run that a pause holds back is looked at again after this, if nothing wakes it before. */
const HELD_BACK_MS = 365 * 24 * 60 * 60 * 1_000;

/** How many tenants' flows one look for resumed runs goes through. */
const RESUMED_LOOKS = 100;
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
  emitEvent: loadScript('emit-event'),
  findCorrelated: loadScript('find-correlated'),
  cancelRun: loadScript('cancel-run'),
  endAnswered: loadScript('end-answered'),
  fillQueue: loadScript('fill-queue'),
  lookAfterLane: loadScript('look-after-lane'),
  readRun: loadScript('read-run'),
  rerunRun: loadScript('rerun-run'),
  resolveStep: loadScript('resolve-step'),
  takeAlarms: loadScript('take-alarms'),
  moveAlarm: loadScript('move-alarm'),
  proveLife: loadScript('prove-life'),
  listRuns: loadScript('list-runs'),
  wakeResumed: loadScript('wake-resumed'),
};

export interface RedisJournalOptions {
  readonly connection: Redis | Cluster;
  /** How long terminal runs are kept, of all flows or by flow. */
  readonly retentionMs: number | ((flow: string, version: number) => number);
  /** How long the events of tenants are kept. Default: as long as runs, where that is one time for all. */
  readonly eventsKeptMs?: number;
  /** Sends a transition; a worker's outlasts a Redis that takes no writes. Default: sends it once. */
  readonly send?: <T>(command: () => Promise<T>) => Promise<T>;
  /** How many jobs of a flow may wait in its queue when a run is claimed; the other runs wait in their lanes. Default 2. */
  readonly window?: number;
  /** How many runs of a tenant may be with workers at once, over all flows. Default: any number. */
  readonly tenantLimit?: number | undefined;
  /** For how long a claim proves the life of its worker; undefined where that is proved otherwise, and often. Default: never. */
  readonly lifeOnClaimMs?: () => number | undefined;
  /** Default: payloads are kept as they are. */
  readonly codec?: PayloadCodec | undefined;
}

export function redisJournal({
  connection,
  retentionMs,
  eventsKeptMs = typeof retentionMs === 'number' ? retentionMs : Number.POSITIVE_INFINITY,
  send = (command) => command(),
  window = LEAST_WINDOW,
  tenantLimit,
  lifeOnClaimMs = () => undefined,
  codec,
}: RedisJournalOptions): Journal {
  const keys = keysOf(connection);
  const coding = codec && new PayloadCoding(codec);
  const flat = async (runId: string, entries: readonly Entry[]): Promise<string[]> => {
    const kept = coding ? await coding.entries(runId, entries) : entries;
    return kept.flatMap(({ field, record }) => [field, record]);
  };
  const encodeFailure = (runId: string, field: string, failure: Failure) =>
    coding ? coding.failure(runId, field, failure) : Promise.resolve(JSON.stringify(failure));
  const opened = async (runId: string, fields: Fields, lazily?: 'without_input') =>
    coding ? coding.opened(runId, fields, lazily) : fields;
  /** The members of the signal that carries a callback's outcome; undefined when there is no such callback. */
  const callbackPayload = async (runId: string, hash: string, outcome: Json): Promise<string | undefined> => {
    if (!coding) return `"payload":${JSON.stringify(outcome)}`;
    // what is encoded is bound to its field, which has the callback's name
    const name = await connection.hget(keys.run(runId), callbackIndexField(hash));
    if (name === null) return undefined;
    const coded = await coding.payload(runId, callbackSignal(name), outcome);
    return `"coded":true,"payload":${JSON.stringify(coded)}`;
  };
  const claimed = async (
    runId: string,
    fields: Fields,
    now: number,
    marks: Pick<ClaimedRun, 'lostSince' | 'forgot'>,
  ): Promise<ClaimReply> => {
    try {
      const run = decodeClaimed(runId, await opened(runId, fields), now, marks);
      return { outcome: 'claimed', run };
    } catch (error) {
      if (!(error instanceof UnreadablePayloadError)) throw error;
      const run = decodeClaimed(runId, withoutPayloads(fields), now, marks);
      return { outcome: 'unreadable', run, message: error.message };
    }
  };
  const call = (
    script: keyof typeof scripts,
    keyNames: readonly string[],
    args: readonly (string | number)[],
  ) => send(() => runScript(connection, scripts[script], keyNames, args));
  const redisNow = async () => {
    const [seconds, micros] = await connection.time();
    return Number(seconds) * 1000 + Math.floor(Number(micros) / 1000);
  };
  const keptFor = ({ flow, version }: { readonly flow: string; readonly version: number }) =>
    typeof retentionMs === 'number' ? retentionMs : retentionMs(flow, version);
  const ofRun = (runId: string) => [keys.run(runId), keys.alarms];
  const eventsOf = (tenant: string) => [keys.events(tenant), keys.eventsDue, keys.subscribers(tenant)];

  return {
    async encodeInput(runId, json) {
      return coding ? coding.text(runId, 'input', json) : json;
    },

    async createRun(run) {
      const { runId, fingerprint, tenant, flow, version, idempotencyKey, input } = run;
      const { parent, draw, cancelled, trace, tags, startAt, priority = 0, lane } = run;
      const lists = Object.entries(tags ?? {}).map(([name, value]) => keys.tag(tenant, { name, value }));
      const sources = draw || lists.length > 0 ? [keys.run(draw?.from ?? runId)] : [];
      const reply = await call(
        'createRun',
        [...ofRun(runId), keys.runs(tenant), keys.tenants, keys.allRuns, ...sources, ...lists],
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
          ...[JSON.stringify(tags ?? {}), TAGS_KEPT_MS, startAt ?? '', LEAST_WINDOW, priority],
          ...[lane?.name ?? tenant, lane?.limit === undefined ? '' : `${lane.limit}:${lane.name}`],
        ],
      );
      const [word, now, ...pairs] = list(reply);
      if (word === 'created') return { outcome: 'created', now: Number(now) };
      if (word === 'key_reused' || word === 'source_not_completed') return { outcome: word };
      if (word === 'draw_exceeds') return { outcome: word, left: Number(pairs[0]) };
      if (word === 'replayed')
        return {
          outcome: 'replayed',
          run: decodeRun(runId, await opened(runId, fieldsOf(pairs), 'without_input')),
        };
      throw unexpected('create-run', word);
    },

    async claimRun({ runId, flow, jobId }, claimant, versions): Promise<ClaimReply> {
      const [word, first, owner, claims, lost, rolledBackAt, forgotSince, pairs] = list(
        await call(
          'claimRun',
          [keys.run(runId), keys.rollback, keys.alarms, keys.workers, keys.pauses, keys.heldBack],
          [
            ...[claimant, jobId, `,${versions.join(',')},`, runId, HELD_BACK_MS, lifeOnClaimMs() ?? ''],
            ...[flow, window, GRACE_MS.enqueue, tenantLimit ?? ''],
          ],
        ),
      );
      switch (word) {
        case 'claimed':
          return claimed(
            runId,
            fieldsOf([...list(pairs ?? null), 'owner', owner, 'claims', claims]),
            Number(first),
            {
              lostSince: lost ? Number(lost) : undefined,
              forgot: forgotSince
                ? { noticedAt: Number(rolledBackAt), since: Number(forgotSince) }
                : undefined,
            },
          );
        case 'version_missing':
          return { outcome: 'version_missing', version: Number(first), againMs: Number(owner) };
        case 'held':
        case 'paused':
        case 'lane_full':
          return { outcome: word, againMs: Number(first) };
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
        [run.owner, progress ? '1' : '0', ...(await flat(run.runId, entries))],
      );
      return writeReply('record-step', reply, 'recorded');
    },

    async recordDoubts(run, entries) {
      const reply = await call(
        'recordDoubts',
        [keys.run(run.runId)],
        [run.owner, ...(await flat(run.runId, entries))],
      );
      return writeReply('record-doubts', reply, 'recorded');
    },

    async startCompensation(run, end, entries) {
      const failure = end.ends === 'failed' ? await encodeFailure(run.runId, 'failure', end.failure) : '';
      const reply = await call(
        'startCompensation',
        [keys.run(run.runId)],
        [run.owner, end.ends, failure, ...(await flat(run.runId, entries))],
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
        ...(await flat(run.runId, entries)),
      ]);
      return reply === 'signalled' ? reply : writeReply('suspend-run', reply, 'suspended');
    },

    async finishRun(run, end, entries) {
      const plain = end.status === 'completed' ? end.output : '';
      const output = plain && coding ? await coding.text(run.runId, 'output', plain) : plain;
      const failure = end.status === 'failed' ? await encodeFailure(run.runId, 'failure', end.failure) : '';
      const drawnUpon = run.draw ? [keys.run(run.draw.from)] : [];
      const settled = end.status === 'completed' || end.effectsStand;
      const reply = await call(
        'finishRun',
        [...ofRun(run.runId), ...eventsOf(run.tenant), ...drawnUpon],
        [
          ...[run.owner, run.runId, end.status, output, failure, keptFor(run), GRACE_MS.parent],
          ...[run.draw?.amount ?? 0, settled ? 'settled' : 'given_back'],
          ...(await flat(run.runId, entries)),
        ],
      );
      return writeReply('finish-run', reply, 'finished');
    },

    async buryRun(run, failure, entries) {
      const [word, deaths] = list(
        await call(
          'buryRun',
          [...ofRun(run.runId), keys.dead(run.tenant), keys.allDead, ...eventsOf(run.tenant)],
          [
            ...[run.owner, run.runId, await encodeFailure(run.runId, 'death', failure), GRACE_MS.letter],
            ...(await flat(run.runId, entries)),
          ],
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
          [...ofRun(runId), keys.dead(tenant), keys.allDead],
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
      const coded = await coding?.payload(runId, id, payload);
      const signal = JSON.stringify(
        coded === undefined ? { name, payload } : { name, coded: true, payload: coded },
      );
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
      const payload = await callbackPayload(runId, hash, outcome);
      if (payload === undefined) return { outcome: 'unknown' };
      const [word, flow, jobId] = list(
        await call('completeCallback', ofRun(runId), [
          ...[runId, hash, callbackSignal(''), fingerprint, payload],
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

    async emitEvent({ runId, tenant, generation, owner }, { type, json, field, record }, entries) {
      const reply = await call(
        'emitEvent',
        [...ofRun(runId), ...eventsOf(tenant), keys.eventPayload(runId, generation, type)],
        [
          owner,
          runId,
          type,
          json,
          Math.min(eventsKeptMs, TAGS_KEPT_MS),
          field,
          record,
          ...(await flat(runId, entries)),
        ],
      );
      return writeReply('emit-event', reply, 'emitted');
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
          [...ofRun(runId), keys.dead(tenant), keys.allDead],
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

    async endAnswered({ runId, tenant, draw, flow, version }, effectsStand) {
      const drawnUpon = draw ? [keys.run(draw.from)] : [];
      const [word, status] = list(
        await call(
          'endAnswered',
          [...ofRun(runId), ...eventsOf(tenant), ...drawnUpon],
          [
            runId,
            keptFor({ flow, version }),
            GRACE_MS.parent,
            draw?.amount ?? 0,
            effectsStand ? 'settled' : 'given_back',
          ],
        ),
      );
      if (word === 'ended') return status as 'failed' | 'cancelled';
      if (word === 'moved_on') return undefined;
      throw unexpected('end-answered', word);
    },

    async fillQueue(runId, lookAgainMs) {
      const args = [runId, window, GRACE_MS.enqueue, lookAgainMs];
      await call('fillQueue', ofRun(runId), args);
    },

    async lookAfterLane(runId, lookAgainMs) {
      await call('lookAfterLane', ofRun(runId), [runId, tenantLimit ?? '', lookAgainMs]);
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
      const { field, seen, token, goesOn, cancels, provesPresent, step, outcome } = answer;
      const [, record = ''] = await flat(runId, [{ field, record: answer.record }]);
      const said = `,"step":${JSON.stringify(step)},"outcome":"${outcome}"`;
      const flags = [goesOn ? '1' : '0', cancels ? '1' : '', provesPresent ? '1' : ''];
      const [word, flow, jobId, deaths] = list(
        await call(
          'resolveStep',
          [...ofRun(runId), keys.dead(tenant), keys.allDead],
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

    async takeAlarms(limit) {
      const [now, ...runIds] = list(await call('takeAlarms', [keys.alarms], [limit, GRACE_MS.sweep]));
      return { now: Number(now), runIds: runIds.map(String) };
    },

    async takeSchedules(limit) {
      const [now, ...schedules] = list(
        await call('takeAlarms', [keys.schedulesDue], [limit, GRACE_MS.sweep]),
      );
      return { now: Number(now), schedules: schedules.map(String) };
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

    async readRun(runId, { input = true } = {}) {
      const fields = fieldsOf(
        list(await runScript(connection, scripts.readRun, [keys.run(runId)], [input ? '' : '1'])),
      );
      return fields.size === 0 ? undefined : decodeRun(runId, await opened(runId, fields, 'without_input'));
    },

    async readPayloads(runId) {
      const fields = new Map(Object.entries(await connection.hgetall(keys.run(runId))));
      return fields.size > 0 ? decodePayloads(runId, await opened(runId, fields)) : undefined;
    },

    async readInput(runId) {
      const text = await connection.hget(keys.run(runId), 'input');
      return text === null ? undefined : inputIn(runId, await opened(runId, new Map([['input', text]])));
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
      const { since = '', before = '', flow = '', status = '', code = '', tag, keyPrefix = '' } = filter;
      const [picked, expired, at, runId] = list(
        await call(
          'listRuns',
          [listOf(keys, of, tenant, tag)],
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
            keyPrefix,
          ],
        ),
      );
      return {
        runIds: list(picked ?? null).map(String),
        expired: list(expired ?? null).map(String),
        end: runId === undefined ? undefined : { at: Number(at), runId: String(runId) },
      };
    },

    async readRuns(runIds, look) {
      if (runIds.length > 0) sendInOneWrite(connection);
      const unreadable: string[] = [];
      const found = await Promise.all(
        runIds.map((runId) =>
          this.readRun(runId, look).catch((error: unknown) => {
            if (!(error instanceof CorruptRecordError || error instanceof UnreadablePayloadError))
              throw error;
            unreadable.push(runId);
            return undefined;
          }),
        ),
      );
      return { runs: found.filter((run) => run !== undefined), unreadable };
    },

    async forgetRuns(tenant, runIds, tag) {
      if (runIds.length === 0) return;
      const own = tenant === undefined ? [] : [tag ? keys.tag(tenant, tag) : keys.runs(tenant)];
      const lists = tag ? own : [...own, keys.allRuns];
      await Promise.all(lists.map((list) => connection.zrem(list, ...runIds)));
    },

    async pruneRuns(tenant, from, limit) {
      await connection.zremrangebyscore(keys.events(tenant), '-inf', (await redisNow()) - eventsKeptMs);
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
      // runs of before stand in the list of their tenant alone
      const kept = ids.flatMap((runId, index) =>
        there[index] === 1 ? [String(page[index * 2 + 1]), runId] : [],
      );
      if (kept.length > 0) await connection.zadd(keys.allRuns, 'NX', ...kept);
      await this.forgetRuns(
        tenant,
        ids.filter((_, index) => there[index] === 0),
      );
      return ids.length < limit ? undefined : Number(page.at(-1)) + 1;
    },

    async pause(of, by) {
      const field = pauseField(of);
      const text = JSON.stringify({ at: await redisNow(), by });
      if ((await connection.hsetnx(keys.pauses, field, text)) === 1) return 'paused';
      return 'paused_already';
    },

    async resume(of) {
      return (await connection.hdel(keys.pauses, pauseField(of))) === 1;
    },

    async pauses() {
      return pausesIn(await connection.hgetall(keys.pauses));
    },

    async wakeResumed(from, limit) {
      const [next, ...flat] = list(
        await call(
          'wakeResumed',
          [keys.heldBack, keys.pauses, keys.alarms],
          [keys.run(''), from ?? '-', limit, RESUMED_LOOKS, GRACE_MS.resume],
        ),
      );
      const woken = flat.flatMap((flow, index) =>
        index % 2 === 0 ? [{ flow: String(flow), jobId: String(flat[index + 1]) }] : [],
      );
      return { woken, next: next === '' ? undefined : String(next) };
    },

    async indexDead(tenant) {
      await connection.zunionstore(keys.allDead, 2, [keys.allDead, keys.dead(tenant)], 'AGGREGATE', 'MAX');
    },

    async tenants() {
      return connection.smembers(keys.tenants);
    },

    now: redisNow,

    async readRevision(runId) {
      const revision = await connection.hget(keys.run(runId), 'revision');
      return revision === null ? undefined : Number(revision);
    },

    async liveWorkers() {
      return new Set(await connection.zrangebyscore(keys.workers, await redisNow(), '+inf'));
    },

    async glance(withSchedules) {
      sendInOneWrite(connection);
      const [proofs, [, firstAlarm], [, firstSchedule]] = await Promise.all([
        connection.zrange(keys.workers, 0, '-1', 'WITHSCORES'),
        connection.zrange(keys.alarms, 0, '0', 'WITHSCORES'),
        withSchedules ? connection.zrange(keys.schedulesDue, 0, '0', 'WITHSCORES') : [],
      ]);
      const workers = proofs.flatMap((id, i) =>
        i % 2 === 0 ? [{ id: String(id), livesUntil: Number(proofs[i + 1]) }] : [],
      );
      return {
        workers,
        firstAlarm: firstAlarm === undefined ? undefined : Number(firstAlarm),
        firstSchedule: firstSchedule === undefined ? undefined : Number(firstSchedule),
      };
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

function listOf(keys: Keys, of: 'runs' | 'dead', tenant: string | undefined, tag: Tag | undefined): string {
  if (tenant === undefined) return of === 'runs' ? keys.allRuns : keys.allDead;
  if (tag) return keys.tag(tenant, tag);
  return of === 'runs' ? keys.runs(tenant) : keys.dead(tenant);
}

/** What is known of a run whose payloads cannot be read. */
function withoutPayloads(fields: Fields): Fields {
  const known = [...fields].filter(([field]) => !/^[a-z]:/.test(field));
  return new Map([...known, ['input', 'null'], ['failure', fields.get('failure') ?? '']]);
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
