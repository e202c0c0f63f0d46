import { QUEUE_PREFIX } from '@holdfast/engine';
import { decodeRecord, engineScripts, isFinal, keys, parseField } from '@holdfast/engine/testing';
import type { Redis } from 'ioredis';

/** A run's journal as it stands in Redis. */
export interface JournalState {
  readonly generation: number;
  /** By field. */
  readonly records: ReadonlyMap<string, string>;
  /** Those that never change any more. */
  readonly finals: ReadonlyMap<string, string>;
}

const LIFE_HOLDS_MS = 60 * 60 * 1_000;

/** Redis as an onlooker sees it who may also let time pass: it makes alarms ring and proofs of life run out. */
export class Store {
  readonly #redis: Redis;

  constructor(redis: Redis) {
    this.#redis = redis;
  }

  /** So that no command is sent twice because Redis does not know its script yet. */
  async loadScripts(): Promise<void> {
    for (const { source } of engineScripts) await this.#redis.script('LOAD', source);
  }

  /** Forgets everything but the scripts. */
  async clear(): Promise<void> {
    await this.#redis.flushdb();
  }

  async journal(runId: string): Promise<JournalState> {
    const fields = await this.#redis.hgetall(keys.run(runId));
    const records = new Map(Object.entries(fields).filter(([field]) => parseField(field)));
    const finals = new Map([...records].filter(([, record]) => isFinal(decodeRecord(record))));
    return { generation: Number(fields.generation ?? 0), records, finals };
  }

  async runIds(): Promise<string[]> {
    const prefix = keys.run('');
    return (await this.#redis.keys(`${prefix}*`)).map((key) => key.slice(prefix.length));
  }

  async exists(runId: string): Promise<boolean> {
    return (await this.#redis.exists(keys.run(runId))) === 1;
  }

  /** Whether a cancel of the run was accepted. */
  async isCancelled(runId: string): Promise<boolean> {
    return (await this.#redis.hexists(keys.run(runId), 'cancel')) === 1;
  }

  /** Redis is seen to have lost writes, whether it has or not. */
  async noticeRollback(): Promise<void> {
    const [seconds, micros] = await this.#redis.time();
    await this.#redis.set(keys.rollback, Number(seconds) * 1_000 + Math.ceil(Number(micros) / 1_000));
  }

  /** A queue that has a job to give, or one whose delay is over. */
  async readyQueue(flows: readonly string[]): Promise<string | undefined> {
    for (const flow of flows) {
      if ((await this.#redis.llen(queueKey(flow, 'wait'))) > 0) return flow;
      const dueAt = await this.#dueAt(flow);
      if (dueAt !== undefined && dueAt <= Date.now()) return flow;
    }
    return undefined;
  }

  /** When the next delayed job is due, in Unix milliseconds. */
  async nextDueAt(flows: readonly string[]): Promise<number | undefined> {
    const dues = await Promise.all(flows.map((flow) => this.#dueAt(flow)));
    const known = dues.filter((due) => due !== undefined);
    return known.length > 0 ? Math.min(...known) : undefined;
  }

  /** The state of a run's jobs, by id; the letters of its deaths are not among them. */
  async jobsOf(runId: string, flows: readonly string[]): Promise<Map<string, 'wait' | 'active' | 'delayed'>> {
    const jobs = new Map<string, 'wait' | 'active' | 'delayed'>();
    for (const flow of flows) {
      const [wait, active, delayed] = await Promise.all([
        this.#redis.lrange(queueKey(flow, 'wait'), 0, -1),
        this.#redis.lrange(queueKey(flow, 'active'), 0, -1),
        this.#redis.zrange(queueKey(flow, 'delayed'), '0', '-1'),
      ]);
      for (const [state, ids] of Object.entries({ wait, active, delayed } as const)) {
        for (const id of ids) {
          if (id.startsWith(runId)) jobs.set(id, state as 'wait' | 'active' | 'delayed');
        }
      }
    }
    return jobs;
  }

  /** The runs that a tenant's lists name, all of them and the dead. */
  async listed(tenant: string): Promise<{ readonly runs: string[]; readonly dead: string[] }> {
    const [runs, dead] = await Promise.all([
      this.#redis.zrange(keys.runs(tenant), '0', '-1'),
      this.#redis.zrange(keys.dead(tenant), '0', '-1'),
    ]);
    return { runs, dead };
  }

  /** How often a run has died so far. */
  async deathsOf(runId: string): Promise<number> {
    return Number((await this.#redis.hget(keys.run(runId), 'deaths')) ?? 0);
  }

  async currentJob(runId: string): Promise<string | null> {
    return this.#redis.hget(keys.run(runId), 'job');
  }

  /** When a run's alarm rings, in ms from now; undefined when it has none. */
  async alarmInMs(runId: string): Promise<number | undefined> {
    const at = await this.#redis.zscore(keys.alarms, runId);
    return at === null ? undefined : Number(at) - Date.now();
  }

  /** @returns ms until a run is forgotten, or undefined when it is kept. */
  async forgottenInMs(runId: string): Promise<number | undefined> {
    const ttl = await this.#redis.pttl(keys.run(runId));
    return ttl < 0 ? undefined : ttl;
  }

  /** Keys without an end that are none of those that have none by design. */
  async keysWithoutEnd(): Promise<string[]> {
    const declared =
      /^\{hf0\}\/(alarms|workers|canary|rollback|callback-key|tenants|flows|events-due|all-runs|all-dead|(runs|dead|events|state|states)\/.+)$|^\{hf0\}:[a-z0-9-]+:(meta|events|id|marker|pc|stalled-check|stalled)$/;
    const suspects = (await this.#redis.keys('*')).filter((key) => !declared.test(key));
    const ttls = await Promise.all(suspects.map((key) => this.#redis.pttl(key)));
    return suspects.filter((_key, index) => ttls[index] === -1);
  }

  /** Lets the time pass by which the alarms that are due within `withinMs` ring. @returns how many that are */
  async ringAlarms(withinMs: number): Promise<number> {
    const due = await this.#redis.zrangebyscore(keys.alarms, '-inf', Date.now() + withinMs);
    for (const runId of due) await this.#redis.zadd(keys.alarms, 'XX', 0, runId);
    return due.length;
  }

  async proveLife(workerId: string): Promise<void> {
    await this.#redis.zadd(keys.workers, Date.now() + LIFE_HOLDS_MS, workerId);
  }

  /** Lets the time pass by which a dead worker's proof of life has run out. */
  async endLife(workerId: string): Promise<void> {
    await this.#redis.zadd(keys.workers, 0, workerId);
  }

  /** What BullMQ does with jobs whose lock has run out: they wait again. */
  async redeliver(flows: readonly string[]): Promise<void> {
    for (const flow of flows) {
      for (const id of await this.#redis.lrange(queueKey(flow, 'active'), 0, -1)) {
        await this.#redis
          .multi()
          .del(queueKey(flow, `${id}:lock`))
          .lrem(queueKey(flow, 'active'), 0, id)
          .rpush(queueKey(flow, 'wait'), id)
          .exec();
      }
    }
  }

  async hasLetter(runId: string, death: number): Promise<boolean> {
    return (await this.#redis.exists(queueKey('dead-letters', `${runId}.d${death}`))) === 1;
  }

  async #dueAt(flow: string): Promise<number | undefined> {
    const [, score] = await this.#redis.zrange(queueKey(flow, 'delayed'), '0', '0', 'WITHSCORES');
    // BullMQ's scores hold the time times 4096
    return score === undefined ? undefined : Math.floor(Number(score) / 0x1000);
  }
}

function queueKey(flow: string, part: string): string {
  return `${QUEUE_PREFIX}:${flow}:${part}`;
}
