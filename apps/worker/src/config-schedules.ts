import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from '@holdfast/app-kit';
import { createClient, createSchedules, type FlowContract, type NewSchedule } from '@holdfast/engine';
import type { ConfigSchedule } from '@holdfast/project';
import type { RedisConnection } from '@holdfast/redis';

const AGAIN_MS = 2_000;

export interface ConfigSchedulesOptions {
  readonly connection: RedisConnection;
  readonly flows: readonly FlowContract[];
  readonly schedules: readonly ConfigSchedule[];
  /** Of those that name none. */
  readonly tenant: string | undefined;
  readonly log: Logger;
  readonly stopped: AbortSignal;
}

/** Makes the schedules of the config the ones that there are; tried until it is done. */
export async function adoptSchedules(options: ConfigSchedulesOptions): Promise<void> {
  const { connection, flows, log, stopped } = options;
  const client = createClient({ connection, flows });
  const wanted = byTenant(options);
  try {
    while (!stopped.aborted) {
      try {
        return await createSchedules({ connection, client, flows }).adopt(wanted);
      } catch (error) {
        log.warn({ err: error }, 'the schedules of the config are not written yet; trying again');
        await delay(AGAIN_MS, undefined, { signal: stopped }).catch(() => {});
      }
    }
  } finally {
    await client.close();
  }
}

function byTenant({
  schedules,
  flows,
  tenant: ownTenant,
  log,
}: ConfigSchedulesOptions): Map<string, NewSchedule[]> {
  const found = new Map<string, NewSchedule[]>();
  const own = new Set(flows.map(({ name }) => name));
  // those of other flows are for workers that have these
  for (const { tenant = ownTenant, ...schedule } of schedules.filter(({ flow }) => own.has(flow))) {
    if (tenant === undefined)
      log.warn(
        `the schedule "${schedule.name}" is of no tenant, so it does not fire; name it in the config, schedules: [{ tenant }]`,
      );
    else found.set(tenant, [...(found.get(tenant) ?? []), schedule]);
  }
  return found;
}
