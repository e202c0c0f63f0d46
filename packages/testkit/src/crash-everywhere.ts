import type { Flow } from '@holdfast/engine';
import type { Providers } from './providers.ts';
import { startRedis } from './redis.ts';
import type { Execution, Scenario } from './scenario.ts';
import {
  CALL_FAULTS,
  COMMAND_FAULTS,
  type Fault,
  INTERRUPTS,
  type PlannedFault,
  type Point,
  Schedule,
} from './schedule.ts';
import { chooseSeed, pick, type Random, seededRandom } from './seeded-random.ts';
import { Stage } from './stage.ts';

export interface CrashOptions<I> extends Omit<Scenario<I>, 'flow' | 'input'> {
  /** A Redis whose data may be thrown away. Default: one of its own, without a disk. */
  readonly redisUrl?: string;
  /** Of the executions with one fault, only so many are made, drawn by the seed. Default: all. */
  readonly sample?: number;
  /** How many executions with two faults each are drawn on top. Default 0. */
  readonly pairs?: number;
  /** What samples and pairs are drawn by. Default: `HOLDFAST_SEED`, else a new one, named when something fails. */
  readonly seed?: number;
}

export interface CrashReport {
  /** Commands and calls of an execution without faults. */
  readonly points: number;
  /** Executions with one fault each. */
  readonly executions: number;
  /** Executions with two. */
  readonly pairs: number;
  readonly ms: number;
}

/** After so many failures the rest is not tried. */
const SHOWN = 3;
/** Of the planned faults: parallel steps may change places. */
const MUST_LAND = 0.75;
/** Of the second ones of pairs: a run may be over before. */
const SECONDS_MUST_LAND = 0.25;

/**
 * Runs a flow once without faults and writes down every command that it sends to Redis and every call that it makes to a provider. Then
 * runs it again for each of these points and each way in which it can go wrong there: the process dies before it, after it was done,
 * after the reply; the request or the reply is lost. A new process goes on, until the run is at rest, and each time the oracle must hold:
 * every effect once, what was undone undone once and in reverse order, nothing called after it was recorded, no record changed, the
 * status in keeping with the effects, no job, alarm or letter left over.
 *
 * @example
 * await crashEverywhere(
 *   (providers) =>
 *     defineFlow({
 *       name: 'greeting', version: 1, input: z.string(), output: z.string(),
 *       async run(ctx, name) {
 *         await ctx.step('charge', providers.step('charge'));
 *         await ctx.step('ship', providers.step('ship', { helps: 'look_up' }));
 *         return name;
 *       },
 *     }),
 *   'Ada',
 *   { sequence: ['charge', 'ship'], expect: ({ run }) => assert.equal(run.status, 'completed') },
 * );
 *
 * @throws Error with the point, the fault, the seed and the trace of each execution that did not hold
 */
export function crashEverywhere<I>(
  flow: (providers: Providers) => Flow<I>,
  input: I,
  options: CrashOptions<I>,
): Promise<CrashReport> {
  const faultsOf = ({ kind }: Point) => (kind === 'command' ? COMMAND_FAULTS : CALL_FAULTS);
  return everywhere({ ...options, flow, input }, faultsOf, {});
}

/**
 * Like crashEverywhere, but instead of a fault somebody else does something at each point, while the process waits: before it, and
 * between its being done and the reply.
 * @param options.interrupt what is done, such as `(driver, runId) => driver.cancel(runId)`
 */
export function interruptEverywhere<I>(
  flow: (providers: Providers) => Flow<I>,
  input: I,
  options: CrashOptions<I> & Required<Pick<Execution, 'interrupt'>>,
): Promise<CrashReport> {
  return everywhere({ ...options, flow, input }, () => INTERRUPTS, { interrupt: options.interrupt });
}

async function everywhere<I>(
  options: CrashOptions<I> & Scenario<I>,
  faultsOf: (point: Point) => readonly Fault[],
  interrupts: Pick<Execution, 'interrupt'>,
): Promise<CrashReport> {
  const startedAt = performance.now();
  const redis = options.redisUrl === undefined ? await startRedis(['--appendonly', 'no']) : undefined;
  const stage = new Stage(options, redis?.url ?? options.redisUrl ?? '');
  const seed = options.seed ?? chooseSeed();
  const random = seededRandom(seed);
  const trials = new Trials(stage, interrupts, seed);
  try {
    await stage.store.loadScripts();
    const { points } = await trials.run([]);
    const all = points.flatMap((point) => faultsOf(point).map((fault) => ({ ...point, fault })));
    const planned = draw(random, all, options.sample ?? all.length);
    for (const fault of planned) await trials.run([fault]);
    const pairs = Array.from({ length: options.pairs ?? 0 }, () => drawPair(random, all));
    for (const pair of pairs) await trials.run(pair);
    trials.judge(MUST_LAND * (planned.length + pairs.length) + pairs.length * SECONDS_MUST_LAND);
    const ms = Math.round(performance.now() - startedAt);
    return { points: points.length, executions: planned.length, pairs: pairs.length, ms };
  } finally {
    await stage.close();
    await redis?.stop();
  }
}

/** The executions of one scenario, and what came of them. */
class Trials<I> {
  readonly #stage: Stage<I>;
  readonly #interrupts: Pick<Execution, 'interrupt'>;
  readonly #seed: number;
  readonly #failures: string[] = [];
  #runs = 0;
  #landed = 0;

  constructor(stage: Stage<I>, interrupts: Pick<Execution, 'interrupt'>, seed: number) {
    this.#stage = stage;
    this.#interrupts = interrupts;
    this.#seed = seed;
  }

  /** @throws Error when more failed than need be seen, or the execution without faults did */
  async run(planned: readonly PlannedFault[]): Promise<Schedule> {
    const schedule = Schedule.of(planned);
    const recovery = this.#runs % 2 === 0 ? 'takeover' : 'redelivery';
    this.#runs += 1;
    try {
      await this.#stage.perform({ schedule, recovery, ...this.#interrupts });
    } catch (error) {
      const what = planned.length === 0 ? 'without faults' : planned.map(nameOf).join(', then ');
      const why = error instanceof Error ? error.message : String(error);
      const how = `recovery by ${recovery}, HOLDFAST_SEED=${this.#seed}`;
      this.#failures.push(`${what} (${how})\n${why}\ntrace:\n  ${schedule.trace.join('\n  ')}`);
      if (planned.length === 0 || this.#failures.length === SHOWN) this.#fail();
    }
    this.#landed += schedule.landed.length;
    return schedule;
  }

  /** @throws Error when an execution failed, or too few faults landed to say anything */
  judge(mustLand: number): void {
    if (this.#failures.length > 0) this.#fail();
    if (this.#landed < mustLand)
      throw new Error(
        `only ${this.#landed} faults landed, not ${Math.ceil(mustLand)} (HOLDFAST_SEED=${this.#seed})`,
      );
  }

  #fail(): never {
    const shown = this.#failures.map((failure, index) => `${index + 1}) ${failure}`);
    throw new Error(`${shown.length} of ${this.#runs} executions did not hold\n\n${shown.join('\n\n')}`);
  }
}

function nameOf(planned: PlannedFault): string {
  const at = 'what' in planned ? `${planned.what} (${planned.nth})` : `${planned.pointsLater} points later`;
  return `${planned.fault} at ${at}`;
}

/** So many of the items, in their order. */
function draw<T>(random: Random, items: readonly T[], count: number): T[] {
  const drawn = [...items];
  while (drawn.length > count) drawn.splice(Math.floor(random() * drawn.length), 1);
  return drawn;
}

/** A fault, and another one soon after it, when the next process is at work. */
function drawPair(random: Random, planned: readonly PlannedFault[]): PlannedFault[] {
  const second = pick(random, [
    'crash_before',
    'crash_before_reply',
    'crash_after_reply',
    'reply_lost',
  ] as const);
  return [pick(random, planned), { pointsLater: 1 + Math.floor(random() * 12), fault: second }];
}
