import type { Flow } from '@holdfast/engine';
import type { Providers } from './providers.ts';
import { startRedis } from './redis.ts';
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
import { type Execution, type Scenario, Stage } from './stage.ts';

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

/** So many failures are shown in full. */
const SHOWN = 3;

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
  const failures: string[] = [];
  const attempt = async (planned: readonly PlannedFault[], required: number, nth: number) => {
    const schedule = Schedule.of(planned);
    const recovery = nth % 2 === 0 ? 'takeover' : 'redelivery';
    try {
      await stage.perform({ schedule, recovery, ...interrupts });
      if (schedule.landed.length < required) throw new Error('a planned fault did not land');
    } catch (error) {
      failures.push(describe(planned, recovery, seed, schedule, error));
    }
    return schedule;
  };
  try {
    await stage.store.loadScripts();
    const { points } = await attempt([], 0, 0);
    const all = points.flatMap((point) => faultsOf(point).map((fault) => ({ at: point.index, fault })));
    const random = seededRandom(seed);
    const planned = draw(random, all, options.sample ?? all.length);
    if (failures.length === 0) for (const [nth, fault] of planned.entries()) await attempt([fault], 1, nth);
    const pairs = failures.length === 0 ? (options.pairs ?? 0) : 0;
    let landed = 0;
    for (let nth = 0; nth < pairs; nth += 1)
      landed += (await attempt(drawPair(random, all), 1, nth)).landed.length;
    if (failures.length > 0) throw new Error(tell(failures, 1 + planned.length + pairs));
    if (landed < pairs * 1.5) throw new Error(`only ${landed} of ${2 * pairs} paired faults landed`);
    const ms = Math.round(performance.now() - startedAt);
    return { points: points.length, executions: planned.length, pairs, ms };
  } finally {
    await stage.close();
    await redis?.stop();
  }
}

/** So many of the items, in their order. */
function draw<T>(random: Random, items: readonly T[], count: number): T[] {
  const drawn = [...items];
  while (drawn.length > count) drawn.splice(Math.floor(random() * drawn.length), 1);
  return drawn;
}

/** A fault, and another one soon after it, when the next process is at work. */
function drawPair(random: Random, planned: readonly PlannedFault[]): PlannedFault[] {
  const first = pick(random, planned);
  const second = pick(random, [
    'crash_before',
    'crash_before_reply',
    'crash_after_reply',
    'reply_lost',
  ] as const);
  return [first, { at: first.at + 1 + Math.floor(random() * 12), fault: second }];
}

function describe(
  planned: readonly PlannedFault[],
  recovery: string,
  seed: number,
  schedule: Schedule,
  error: unknown,
): string {
  const what =
    planned.length === 0
      ? 'without faults'
      : planned.map(({ at, fault }) => `${fault} at #${at}`).join(', then ');
  const why = error instanceof Error ? error.message : String(error);
  return `${what} (recovery by ${recovery}, HOLDFAST_SEED=${seed})\n${why}\ntrace:\n  ${schedule.trace.join('\n  ')}`;
}

function tell(failures: readonly string[], executions: number): string {
  const shown = failures.slice(0, SHOWN).map((failure, index) => `${index + 1}) ${failure}`);
  return `${failures.length} of ${executions} executions did not hold\n\n${shown.join('\n\n')}`;
}
