import { Cron } from 'croner';

/** When something is to happen: five fields, in a time zone. */
export interface CronTime {
  readonly cron: string;
  /** IANA, such as `Europe/Paris`. */
  readonly timezone: string;
}

/** @returns what does not fit, and where; undefined when it fires one day */
export function cronFault({
  cron,
  timezone,
}: CronTime): { readonly path: string; readonly message: string } | undefined {
  try {
    new Intl.DateTimeFormat('en', { timeZone: timezone });
  } catch {
    const message = `${JSON.stringify(timezone)} is no time zone; use a name such as Europe/Paris or UTC`;
    return { path: 'timezone', message };
  }
  if (!/^\S+( +\S+){4}$/.test(cron))
    return {
      path: 'cron',
      message: 'use five fields: minute, hour, day of the month, month, day of the week',
    };
  try {
    if (nextTime({ cron, timezone }, Date.now()) !== undefined) return undefined;
    return { path: 'cron', message: 'it never fires' };
  } catch (error) {
    return { path: 'cron', message: error instanceof Error ? error.message : String(error) };
  }
}

/** The first time behind `after`, in Unix milliseconds; undefined when there is none. */
export function nextTime(when: CronTime, after: number): number | undefined {
  return timesAfter(when, after).next().value ?? undefined;
}

/**
 * The times behind `after`, one after the other. A time that a change of the clocks leaves out is at the first moment that there is; one that
 * comes twice is at its first; with `*` or a step in the hours it goes by the time that passes.
 */
export function* timesAfter({ cron, timezone }: CronTime, after: number): Generator<number, void> {
  const pattern = new Cron(cron, { timezone, mode: '5-part', paused: true });
  for (let last = after; ; ) {
    const next = pattern.nextRun(new Date(last))?.getTime();
    if (next === undefined || next <= last) return;
    yield next;
    last = next;
  }
}

/** As it stands in keys and answers: `2026-01-31T09:00:00Z`. */
export function fireTimeText(time: number): string {
  return new Date(time).toISOString().replace(/\.\d{3}Z$/, 'Z');
}
