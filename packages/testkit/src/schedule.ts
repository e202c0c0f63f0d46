/** What can go wrong with a command to Redis. */
export const COMMAND_FAULTS = [
  'crash_before',
  'crash_before_reply',
  'reply_lost',
  'crash_after_reply',
  'drain',
] as const;
/** What can go wrong with a call to a provider. */
export const CALL_FAULTS = [
  'crash_before',
  'crash_before_reply',
  'request_lost',
  'reply_lost',
  'then_refused',
  'crash_after_reply',
  'drain',
] as const;
/** Somebody else does something while the process waits at the point. */
export const INTERRUPTS = ['interrupt_before', 'interrupt_after'] as const;

/**
 * `crash_before`: the process dies before anything is sent. `crash_before_reply`: it is done, and the process dies.
 * `reply_lost`: it is done, the reply is lost and the process lives: a command is sent again, as ioredis does; a call is in doubt.
 * `request_lost`: a call in doubt that did nothing. `then_refused`: it is done, the reply is lost, and the next call is refused for a reason
 * that says nothing of the effect. `drain`: the process has to stop, and gives up the calls that are under way. `crash_after_reply`: the process dies a turn of its event loop after the reply.
 */
export type Fault =
  | (typeof COMMAND_FAULTS)[number]
  | (typeof CALL_FAULTS)[number]
  | (typeof INTERRUPTS)[number];

/** Something that a process does to the outside. */
export interface Point {
  /** From 0, in the order in which they happened. */
  readonly index: number;
  readonly kind: 'command' | 'call';
  /** Which process, and what: `worker: record-step`, `worker: charge`. */
  readonly what: string;
  /** From 1: how often this has happened so far. */
  readonly nth: number;
}

/** A fault at a point, or the first one that fits after so many more points. */
export type PlannedFault = { readonly fault: Fault } & (
  | Pick<Point, 'what' | 'nth'>
  | { readonly pointsLater: number }
);

export interface LandedFault {
  readonly point: Point;
  readonly fault: Fault;
}

/** Decides at each point of an execution whether something goes wrong there, and writes the trace. */
export class Schedule {
  readonly trace: string[] = [];
  readonly points: Point[] = [];
  readonly landed: LandedFault[] = [];
  readonly #decide: (point: Point) => Fault | undefined;

  constructor(decide: (point: Point) => Fault | undefined) {
    this.#decide = decide;
  }

  /** The faults land one after the other. */
  static of(faults: readonly PlannedFault[]): Schedule {
    const schedule: Schedule = new Schedule((point) => {
      const next = faults[schedule.landed.length];
      return next && isDue(next, point, schedule.landed.at(-1)) ? next.fault : undefined;
    });
    return schedule;
  }

  reach(kind: Point['kind'], what: string): Fault | undefined {
    const nth = 1 + this.points.filter((before) => before.what === what).length;
    const point = { index: this.points.length, kind, what, nth };
    this.points.push(point);
    const decided = this.#decide(point);
    const fault = decided && faultsOf(point).includes(decided) ? decided : undefined;
    this.trace.push(`#${point.index} ${what}${fault ? `  ← ${fault}` : ''}`);
    if (fault) this.landed.push({ point, fault });
    return fault;
  }

  note(what: string): void {
    this.trace.push(`   ${what}`);
  }
}

function isDue(planned: PlannedFault, point: Point, last: LandedFault | undefined): boolean {
  if ('what' in planned) return planned.what === point.what && planned.nth === point.nth;
  return point.index >= (last?.point.index ?? 0) + planned.pointsLater;
}

function faultsOf({ kind }: Point): readonly string[] {
  return [...(kind === 'command' ? COMMAND_FAULTS : CALL_FAULTS), ...INTERRUPTS];
}
