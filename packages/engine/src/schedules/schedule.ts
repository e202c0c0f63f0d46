import type { DurationInput } from '../contract/duration.ts';
import type { Json } from '../contract/run.ts';
import type { CronTime } from './cron.ts';

/** What becomes of a fire time while the run of the one before has not ended: none, the next run waits, or the old one is cancelled first. */
export const OVERLAPS = ['skip', 'queue', 'cancel'] as const;
export type Overlap = (typeof OVERLAPS)[number];

export interface ScheduleDefinition extends CronTime {
  readonly flow: string;
  readonly input: Json;
  /** Default `queue`. A dead run counts as ended. */
  readonly overlap: Overlap;
  /** How old a fire time may be that was missed, because nothing ran, and is made up for. `none`: no more than a minute. At most 7 days. */
  readonly catchUp: 'none' | DurationInput;
}

export interface Schedule extends ScheduleDefinition {
  readonly name: string;
  readonly status: 'active' | 'paused';
  /** Unix milliseconds; absent while it is paused. */
  readonly nextRunAt?: number;
  /** The last fire time that became a run. */
  readonly lastRunAt?: number;
  readonly createdAt: number;
  /** It is in the project's config. */
  readonly fromConfig: boolean;
}

/** A schedule as it is kept. */
export interface KeptSchedule extends Schedule {
  readonly tenant: string;
  readonly revision: string;
  /** Fire times that wait for the run before. */
  readonly queue: readonly number[];
  /** The last run. */
  readonly current?: string;
}

const NAME = /^[a-z0-9][a-z0-9-]{0,63}$/;

export function isScheduleName(name: string): boolean {
  return NAME.test(name);
}

/** A key that a fire time has one run for, however often it is tried. */
export function scheduleKey(name: string, time: string): string {
  return `schedule:${name}:${time}`;
}
