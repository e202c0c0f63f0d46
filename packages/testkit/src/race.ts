import type { Flow } from '@holdfast/engine';
import type { Driver } from '@holdfast/engine/testing';
import { type Choice, Gate } from './gate.ts';
import type { Providers } from './providers.ts';
import { startRedis } from './redis.ts';
import type { Backstage, Ending, Scenario } from './scenario.ts';
import { Schedule } from './schedule.ts';
import { Stage } from './stage.ts';

/** Somebody who does something to a run while somebody else does. */
export type Actor = (driver: Driver, runId: string, backstage: Backstage) => Promise<unknown>;

export interface RaceOptions<I> extends Omit<Scenario<I>, 'flow' | 'input' | 'expect' | 'atOnce'> {
  /** Brings the run to where the race begins. Default: it was just submitted. */
  readonly prepare?: Actor;
  /** At least two, by name. */
  readonly actors: Readonly<Record<string, Actor>>;
  /** The actors create the run themselves; until then its id is ''. Default false. */
  readonly actorsSubmit?: boolean;
  /** Which of their commands are let go one by one; the others pass at once. Default: all. */
  readonly gated?: RegExp;
  /** More orders than this are an error. Default 1000. */
  readonly maxOrders?: number;
  readonly redisUrl?: string;
  /** What must be true once all has come to rest, on top of what is always true. */
  readonly expect: (ending: Ending, results: Results) => void;
}

/** What the actors' work came to, by name: a value, or the error it ended with. */
export type Results = Readonly<Record<string, unknown>>;

export interface RaceReport {
  readonly orders: number;
  readonly ms: number;
}

/**
 * Lets several actors act upon a run at the same time, once for every order in which their commands can reach Redis; each time the
 * run then goes on to its rest, and the oracle must hold.
 * @throws Error with the order in which the commands went, for the first that did not hold
 */
export async function raceInEveryOrder<I>(
  flow: (providers: Providers) => Flow<I>,
  input: I,
  options: RaceOptions<I>,
): Promise<RaceReport> {
  const startedAt = performance.now();
  const redis = options.redisUrl === undefined ? await startRedis(['--appendonly', 'no']) : undefined;
  const stage = new Stage(
    { ...options, flow, input, expect: () => {} },
    redis?.url ?? options.redisUrl ?? '',
  );
  const { maxOrders = 1_000 } = options;
  try {
    await stage.store.loadScripts();
    let orders = 0;
    for (let order: number[] | undefined = []; order; ) {
      order = nextOrder(await runOnce(stage, options, order));
      orders += 1;
      if (orders > maxOrders) throw new Error(`there are more than ${maxOrders} orders; gate fewer commands`);
    }
    return { orders, ms: Math.round(performance.now() - startedAt) };
  } finally {
    await stage.close();
    await redis?.stop();
  }
}

async function runOnce<I>(
  stage: Stage<I>,
  options: RaceOptions<I>,
  order: readonly number[],
): Promise<readonly Choice[]> {
  const { actors, prepare, actorsSubmit = false, gated, expect } = options;
  const gate = new Gate((command) => !gated || gated.test(command));
  const schedule = Schedule.of([]);
  let choices: readonly Choice[] = [];
  const results: Record<string, unknown> = {};
  const opening = async (backstage: Backstage, runId: string) => {
    await prepare?.(await backstage.driver('stagehand'), runId, backstage);
    const drivers = new Map<string, Driver>();
    for (const name of Object.keys(actors)) drivers.set(name, await backstage.actor(name));
    backstage.close(gate);
    const acts = Object.entries(actors).map(async ([name, act]) => {
      const driver = drivers.get(name);
      if (driver) results[name] = await act(driver, runId, backstage).catch((error: unknown) => error);
    });
    choices = await gate.letThrough(acts, order);
    backstage.close(undefined);
  };
  try {
    const ending = await stage.perform({
      ...{ schedule, recovery: 'takeover', opening, submitted: !actorsSubmit },
      rivals: Object.keys(actors).length - 1,
    });
    expect(ending, results);
    return choices;
  } catch (error) {
    const came = Object.entries(results).map(([name, result]) => `${name}: ${describe(result)}`);
    const lines = [...gate.trace, '-- then', ...schedule.trace].join('\n  ');
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(`${why}\nresults: ${came.join('; ')}\norder:\n  ${lines}`);
  }
}

/** The next order in depth-first search, or undefined when all were tried. */
function nextOrder(choices: readonly Choice[]): number[] | undefined {
  const last = choices.findLastIndex(({ taken, among }) => taken < among - 1);
  if (last < 0) return undefined;
  return choices.slice(0, last + 1).map(({ taken }, index) => (index === last ? taken + 1 : taken));
}

function describe(result: unknown): string {
  return result instanceof Error ? result.message : JSON.stringify(result);
}
