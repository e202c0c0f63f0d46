import type { Json, Run, TenantEvent } from '@holdfast/engine';

/** What the end of a flow's runs means to subscribers, beside `run.completed` and its like. */
export interface FlowEvents {
  /** The event's type, such as `payment.completed`, by how the run ended. */
  readonly on: Readonly<Partial<Record<'completed' | 'failed' | 'cancelled' | 'dead', string>>>;
  /**
   * What stands in the event's `data`, beside `run`. Asked anew at each replay.
   * @param run with its input
   * @param find another run of the tenant, with its input
   * @returns undefined: there is no event after all
   */
  readonly data: (
    run: Run,
    find: (runId: string) => Promise<Run | undefined>,
  ) => Promise<Readonly<Record<string, Json>> | undefined>;
}

/** By the flow's name. */
export type EventsOfFlows = Readonly<Record<string, FlowEvents>>;

const NAME = /^[a-z][a-z0-9_-]*\.[a-z0-9][a-z0-9_-]*$/;
const OWN = /^(run|webhook)\./;

/** @throws TypeError saying what does not fit */
export function checkEvents(events: EventsOfFlows): void {
  for (const [flow, each] of Object.entries(events)) {
    if (typeof each?.data !== 'function' || typeof each.on !== 'object' || each.on === null)
      throw new TypeError(
        `\`events.${flow}\` must be { on: { completed: 'payment.completed' }, data: (run) => … }`,
      );
    for (const [status, type] of Object.entries(each.on)) {
      if (!['completed', 'failed', 'cancelled', 'dead'].includes(status))
        throw new TypeError(
          `\`events.${flow}.on.${status}\`: a run ends as completed, failed, cancelled or dead`,
        );
      if (typeof type !== 'string' || !NAME.test(type) || OWN.test(type))
        throw new TypeError(
          `\`events.${flow}.on.${status}\` must be a name such as payment.completed, not of run. or webhook.`,
        );
    }
  }
}

/** What subscribers hear when this happened: the event itself, and what it means. */
export function typesOf(events: EventsOfFlows, { type, flow }: Pick<TenantEvent, 'type' | 'flow'>): string[] {
  const status = /^run\.(completed|failed|cancelled|dead)$/.exec(type)?.[1];
  const on = Object.hasOwn(events, flow) ? events[flow]?.on : undefined;
  const meaning = status === undefined ? undefined : on?.[status as keyof FlowEvents['on']];
  return meaning === undefined ? [type] : [type, meaning];
}

/** @param filter names such as `run.completed`, or all of a kind, such as `payment.*` */
export function fits(filter: readonly string[], type: string): boolean {
  return filter.some((name) => name === type || (name.endsWith('.*') && type.startsWith(name.slice(0, -1))));
}
