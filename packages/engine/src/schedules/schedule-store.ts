import { randomUUID } from 'node:crypto';
import { runScript, type ScriptReply } from '@holdfast/redis';
import type { Cluster, Redis } from 'ioredis';
import { type Keys, keysOf } from '../journal/keys.ts';
import { loadScript } from '../journal/scripts.ts';
import type { KeptSchedule, ScheduleDefinition } from './schedule.ts';

const scripts = { change: loadScript('change-schedule'), remove: loadScript('delete-schedule') };

/** Where schedules are kept: one hash each, and one place in the set of those that are due. */
export class ScheduleStore {
  readonly #connection: Redis | Cluster;
  readonly #keys: Keys;

  constructor(connection: Redis | Cluster) {
    this.#connection = connection;
    this.#keys = keysOf(connection);
  }

  async read(tenant: string, name: string): Promise<KeptSchedule | undefined> {
    const kept = await this.#connection.hgetall(this.#keys.schedule(tenant, name));
    const { definition, revision, status, nextAt, lastAt, current, queue, createdAt, config } = kept;
    if (definition === undefined || revision === undefined) return undefined;
    return {
      ...(JSON.parse(definition) as ScheduleDefinition),
      ...{ tenant, name, revision, status: status === 'paused' ? 'paused' : 'active' },
      ...(nextAt && { nextRunAt: Number(nextAt) }),
      ...(lastAt && { lastRunAt: Number(lastAt) }),
      ...(current && { current }),
      queue: JSON.parse(queue || '[]') as number[],
      createdAt: Number(createdAt),
      fromConfig: config === '1',
    };
  }

  /**
   * @param dueAt when somebody has to look after it; undefined for never
   * @param revision the one that it must have; undefined when it must not exist
   */
  async write(
    schedule: Omit<KeptSchedule, 'revision'>,
    dueAt: number | undefined,
    revision: string | undefined,
  ): Promise<'written' | 'changed' | 'gone'> {
    const { tenant, name, cron, timezone, flow, input, overlap, catchUp } = schedule;
    const definition: ScheduleDefinition = { cron, timezone, flow, input, overlap, catchUp };
    const reply = await runScript(this.#connection, scripts.change, this.#keysOf(tenant, name), [
      ...[name, memberOf(tenant, name), revision ?? '', randomUUID(), dueAt ?? ''],
      ...['definition', JSON.stringify(definition), 'status', schedule.status],
      ...['nextAt', schedule.nextRunAt ?? '', 'lastAt', schedule.lastRunAt ?? ''],
      ...['current', schedule.current ?? '', 'queue', JSON.stringify(schedule.queue)],
      ...['createdAt', schedule.createdAt, 'config', schedule.fromConfig ? '1' : ''],
    ]);
    if (reply === 'written' || reply === 'changed' || reply === 'gone') return reply;
    throw unexpected('change-schedule', reply);
  }

  /** @returns false when there is none */
  async remove(tenant: string, name: string): Promise<boolean> {
    const reply = await runScript(this.#connection, scripts.remove, this.#keysOf(tenant, name), [
      name,
      memberOf(tenant, name),
    ]);
    return reply === 'deleted';
  }

  /** In the order of their names. */
  async names(tenant: string, after: string | undefined, limit: number): Promise<string[]> {
    const from = after === undefined ? '-' : `(${after}`;
    return this.#connection.zrange(this.#keys.schedules(tenant), from, '+', 'BYLEX', 'LIMIT', 0, limit);
  }

  async now(): Promise<number> {
    const [seconds, micros] = await this.#connection.time();
    return Number(seconds) * 1_000 + Math.floor(Number(micros) / 1_000);
  }

  #keysOf(tenant: string, name: string): string[] {
    const keys = this.#keys;
    return [keys.schedule(tenant, name), keys.schedules(tenant), keys.schedulesDue];
  }
}

/** What a schedule is called among those that are due. */
export function memberOf(tenant: string, name: string): string {
  return `${tenant}/${name}`;
}

export function parseMember(member: string): { readonly tenant: string; readonly name: string } {
  const at = member.lastIndexOf('/');
  return { tenant: member.slice(0, at), name: member.slice(at + 1) };
}

function unexpected(script: string, reply: ScriptReply): Error {
  return new Error(`${script} answered ${JSON.stringify(reply)}, which this version does not know`);
}
