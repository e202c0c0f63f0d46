/** What can go wrong with a command to Redis. */
export const COMMAND_FAULTS = [
  'crash_before',
  'crash_before_reply',
  'reply_lost',
  'crash_after_reply',
] as const;
/** What can go wrong with a call to a provider. */
export const CALL_FAULTS = [
  'crash_before',
  'crash_before_reply',
  'request_lost',
  'reply_lost',
  'crash_after_reply',
] as const;
/** Somebody else does something while the process waits at the point. */
export const INTERRUPTS = ['interrupt_before', 'interrupt_after'] as const;

/**
 * `crash_before`: the process dies before anything is sent. `crash_before_reply`: it is done, and the process dies.
 * `reply_lost`: it is done, the reply is lost and the process lives: a command is sent again, as ioredis does; a call is in doubt.
 * `request_lost`: a call in doubt that did nothing. `crash_after_reply`: the process dies a turn of its event loop after the reply.
 */
export type Fault =
  | (typeof COMMAND_FAULTS)[number]
  | (typeof CALL_FAULTS)[number]
  | (typeof INTERRUPTS)[number];

/** Something that a process does to the outside, in the order in which it happened. */
export interface Point {
  /** From 0. */
  readonly index: number;
  readonly kind: 'command' | 'call';
  /** Which process, and what: `worker: record-step`, `worker: charge charge`. */
  readonly what: string;
}

export interface PlannedFault {
  readonly at: number;
  readonly fault: Fault;
}

/** Decides at each point of an execution whether something goes wrong there, and writes the trace. */
export class Schedule {
  readonly trace: string[] = [];
  readonly points: Point[] = [];
  readonly landed: PlannedFault[] = [];
  readonly #decide: (point: Point) => Fault | undefined;

  constructor(decide: (point: Point) => Fault | undefined) {
    this.#decide = decide;
  }

  /** @param faults those for another kind of point than they meet do not land */
  static of(faults: readonly PlannedFault[]): Schedule {
    return new Schedule(({ index }) => faults.find(({ at }) => at === index)?.fault);
  }

  reach(kind: Point['kind'], what: string): Fault | undefined {
    const point = { index: this.points.length, kind, what };
    this.points.push(point);
    const decided = this.#decide(point);
    const fault = decided && faultsOf(point).includes(decided) ? decided : undefined;
    this.trace.push(`#${point.index} ${what}${fault ? `  ← ${fault}` : ''}`);
    if (fault) this.landed.push({ at: point.index, fault });
    return fault;
  }

  note(what: string): void {
    this.trace.push(`   ${what}`);
  }
}

function faultsOf({ kind }: Point): readonly string[] {
  return [...(kind === 'command' ? COMMAND_FAULTS : CALL_FAULTS), ...INTERRUPTS];
}
