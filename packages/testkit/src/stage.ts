import { setTimeout as delay } from 'node:timers/promises';
import { type Flow, isTerminal, type Run } from '@holdfast/engine';
import { Redis } from 'ioredis';
import { judge } from './oracle.ts';
import type { Backstage, Ending, Execution, Scenario } from './scenario.ts';
import type { Schedule } from './schedule.ts';
import { type Scene, SimulatedProcess } from './simulated-process.ts';
import { Store } from './store.ts';
import { World } from './world.ts';

/** A run's next wake-up is waited for when it is no further away than this. */
const PATIENCE_MS = 3_000;
/** An alarm that heals something rings within this time. */
const HEALS_WITHIN_MS = 60_000;
/** An alarm rings again when the sweeper that took it came to nothing; more often than this nothing comes of it any more. */
const MAX_SWEEPS = 6;
/** More turns than any flow under test takes: a run that needs more goes in circles. */
const MAX_TURNS = 1_000;
const MAX_MS = 15_000;
const KEY = 'the-key';

/** A Redis and the processes on it, for one execution of a scenario after the other. */
export class Stage<I> {
  readonly store: Store;
  readonly #scenario: Scenario<I>;
  readonly #redisUrl: string;
  readonly #onlooker: Redis;
  readonly #processes = new Map<string, SimulatedProcess>();
  #flows: readonly Flow[] = [];
  #scene: Scene | undefined;

  constructor(scenario: Scenario<I>, redisUrl: string) {
    this.#scenario = scenario;
    this.#redisUrl = redisUrl;
    this.#onlooker = new Redis(redisUrl, { maxRetriesPerRequest: null });
    this.store = new Store(this.#onlooker);
  }

  async close(): Promise<void> {
    for (const process of this.#processes.values()) await process.close();
    this.#onlooker.disconnect();
  }

  /** Submits a run, and lets all that happens by itself happen, until the run is at rest. @throws Error when the oracle does not hold */
  async perform(execution: Execution<I>): Promise<Ending> {
    const outOfTime = new AbortController();
    const { maxMs = MAX_MS } = this.#scenario;
    try {
      return await Promise.race([
        this.#perform(execution),
        delay(maxMs, undefined, { signal: outOfTime.signal }).then(() => {
          throw new Error(`the run did not come to rest within ${maxMs} ms`);
        }),
      ]);
    } catch (error) {
      for (const process of this.#processes.values()) void process.crash();
      if (this.#scene) this.#scene.givenUp = true;
      throw error;
    } finally {
      outOfTime.abort();
    }
  }

  async #perform(execution: Execution<I>): Promise<Ending> {
    await this.store.clear();
    const world = new World(this.store, this.#scenario.sequence ?? [], this.#scenario.irreversible);
    const { schedule } = execution;
    let runId: string | undefined;
    this.#scene = {
      ...{ world, schedule, unknowns: 0, givenUp: false, cancelled: false },
      isCancelled: (id) => this.store.isCancelled(id),
      interrupt: async () => {
        const [found] = runId ? [runId] : await this.store.runIds();
        if (found)
          await execution.interrupt?.((await this.#process('onlooker', true)).driver, found, this.store);
        if (found && this.#scene) this.#scene.cancelled ||= await this.store.isCancelled(found);
      },
    };
    for (const process of this.#processes.values()) await this.store.proveLife(process.driver.id);
    if (execution.submitted ?? true) {
      runId = await this.#submit('input' in execution ? (execution.input as I) : this.#scenario.input);
      await this.#doAtOnce(runId);
    }
    await execution.opening?.(this.#backstage(this.#scene), runId ?? '');
    runId ??= (await this.store.runIds())[0];
    if (runId === undefined) throw new Error('no run was submitted');
    await this.#play(runId, execution);
    await this.#deliverLeftovers(runId);
    const ending = await this.#ending(runId, world, schedule);
    const { irreversible = [], looks = [] } = this.#scenario;
    const died = schedule.landed.filter(({ fault }) => fault.startsWith('crash') || fault === 'drain').length;
    const crashes = died + (execution.rivals ?? 0);
    const evidence = { ...ending, store: this.store, flows: this.#names(), irreversible, looks, crashes };
    const violations = await judge({ ...evidence, unknowns: this.#scene.unknowns });
    if (violations.length > 0) throw new Error(`the oracle does not hold:\n- ${violations.join('\n- ')}`);
    this.#scenario.expect(ending);
    await this.#endDead(runId, world);
    return ending;
  }

  /**
   * Every dead run can be ended: a person says of each effect in doubt what became of it, redrives, and cancels at last. One answer for each
   * effect, and two actions more, must do.
   */
  async #endDead(runId: string, world: World): Promise<void> {
    const person = (await this.#process('onlooker', true)).driver;
    let run = await this.#read(runId);
    const effects = run.steps.length;
    for (let actions = 0; run.status === 'dead'; actions += 1) {
      if (actions >= effects + 2)
        throw new Error(`after ${actions} actions of a person the run is still ${whereItStands(run)}`);
      const { id, generation } = run;
      const doubt = run.steps.find(({ status }) => status === 'in_doubt');
      const undo = actions > 0 && run.error.kind === 'compensation_failed' ? run.error.step : undefined;
      const stands = (step: string, isUndo: boolean) =>
        world.effectsOf(id).find((e) => e.step === step && e.generation === generation && e.undo === isUndo);
      if (doubt) {
        const effect = stands(doubt.name, false);
        await person.resolve(id, {
          step: doubt.name,
          ...(effect ? { outcome: 'happened', result: effect.result } : { outcome: 'did_not_happen' }),
        });
      } else if (undo) {
        await person.resolve(id, {
          step: undo,
          outcome: stands(undo, true) ? 'undone' : 'not_undone',
        });
      } else {
        await person.cancel(id);
      }
      await this.#settle(id);
      run = await this.#read(id);
    }
  }

  /** Drives the run until it is over or dead, without faults. */
  async #settle(runId: string): Promise<void> {
    const janitor = await this.#process('janitor', true);
    for (let turn = 0; turn < MAX_TURNS; turn += 1) {
      const { status } = await this.#read(runId);
      if (status === 'dead' || isTerminal(status)) return;
      await this.store.ringAlarms(HEALS_WITHIN_MS);
      await janitor.does(async (driver) => driver.sweep());
      await janitor.does((driver) => driver.drive(runId));
      await delay(1);
    }
    throw new Error('the run is neither over nor dead after what a person did');
  }

  /** A client sends its request again until it is acknowledged; when its run is there although its API died, it need not. */
  async #submit(input: I): Promise<string> {
    for (;;) {
      const api = await this.#process('api');
      const flow = this.#flows[0];
      if (!flow) throw new Error('a scenario has a flow');
      const runId = await api.does((driver) => driver.submit(flow, input, KEY));
      if (runId !== 'died') return runId;
      const [found] = await this.store.runIds();
      if (found) return found;
    }
  }

  #backstage(scene: Scene): Backstage {
    const names = () => this.#names();
    return {
      store: this.store,
      get flows() {
        return names();
      },
      driver: async (name) => (await this.#process(name, true)).driver,
      actor: async (name) => (await this.#process(`actor ${name}`)).driver,
      close: (gate) => {
        scene.gate = gate;
      },
      crash: async (name) => {
        const process = await this.#process(name, true);
        await this.store.endLife(process.driver.id);
        void process.crash();
      },
    };
  }

  async #doAtOnce(runId: string): Promise<void> {
    const { atOnce } = this.#scenario;
    let done: unknown = 'died';
    while (atOnce && done === 'died')
      done = await (await this.#process('api')).does((driver) => atOnce(driver, runId));
  }

  /** Lets happen what happens by itself, and what people do, until nothing does any more. */
  async #play(runId: string, { recovery }: Execution): Promise<void> {
    const scene = this.#current();
    const { world, schedule } = scene;
    let [outsideSaw, sweptAt, stalledAt, sweeps] = ['', '', '', 0];
    for (let turn = 0; turn < MAX_TURNS; turn += 1) {
      if (scene.givenUp) throw new Error('this execution was given up');
      const before = this.#processes.get('worker');
      const worker = await this.#process('worker');
      const api = await this.#process('api');
      if (before && before !== worker) {
        await this.#recover(before, worker, recovery);
        continue;
      }
      for (const id of await this.store.runIds()) await world.observe(id);
      const ready = await this.store.readyQueue(this.#names());
      if (ready) {
        await worker.does((driver) => driver.deliver(ready).catch((error) => this.#toleratesDrop(error)));
        continue;
      }
      const dueInMs = ((await this.store.nextDueAt(this.#names())) ?? Number.POSITIVE_INFINITY) - Date.now();
      if (dueInMs < PATIENCE_MS) {
        await delay(Math.max(1, dueInMs));
        continue;
      }
      const run = await this.#read(runId);
      const runs = await this.#runs();
      const stands = runs.map(whereItStands).join();
      const revisions = runs.map(({ revision }) => revision).join();
      const { outside } = this.#scenario;
      if (outside && outsideSaw !== stands) {
        const done = await api.does((driver) => outside({ run, runs, driver, world }));
        scene.cancelled ||= await this.store.isCancelled(runId);
        if (done !== 'died') outsideSaw = stands;
        continue;
      }
      if (sweptAt !== revisions) [sweptAt, sweeps] = [revisions, 0];
      if (sweeps < MAX_SWEEPS && (await this.store.ringAlarms(HEALS_WITHIN_MS)) > 0) {
        // where nothing went wrong there is nothing to heal, and so nothing to be cut short
        const sweeper = schedule.landed.length > 0 ? worker : await this.#process('onlooker', true);
        const done = await sweeper.does(async (driver) => driver.sweep());
        if (done !== 'died') sweeps += 1;
        continue;
      }
      if (stalledAt !== revisions) {
        // a job that nobody knows to have: BullMQ finds its lock run out
        await this.store.redeliver(this.#names());
        stalledAt = revisions;
        continue;
      }
      return;
    }
    throw new Error(`the run did not come to rest within ${MAX_TURNS} turns`);
  }

  /** A run is dropped only when one of BullMQ's own commands was sent twice: they do not all take that. */
  #toleratesDrop(error: unknown): void {
    const { landed } = this.#current().schedule;
    const tolerated = landed.some(
      ({ point, fault }) => fault === 'reply_lost' && point.what.includes('bullmq'),
    );
    if (!tolerated) throw error;
  }

  async #recover(
    dead: SimulatedProcess,
    worker: SimulatedProcess,
    recovery: Execution['recovery'],
  ): Promise<void> {
    await this.store.endLife(dead.driver.id);
    if (recovery === 'redelivery') return this.store.redeliver(this.#names());
    await worker.does((driver) => driver.sweep());
    await worker.does((driver) => driver.sweep());
  }

  /** Jobs that dead workers had come back once their locks have run out, and change nothing. */
  async #deliverLeftovers(runId: string): Promise<void> {
    const { revision } = await this.#read(runId);
    const janitor = await this.#process('janitor', true);
    await this.store.redeliver(this.#names());
    for (
      let ready = await this.store.readyQueue(this.#names());
      ready;
      ready = await this.store.readyQueue(this.#names())
    )
      await janitor.driver.deliver(ready);
    const after = await this.#read(runId);
    if (after.revision !== revision)
      throw new Error(`a job that was left over changed the run to ${whereItStands(after)}`);
  }

  async #ending(runId: string, world: World, schedule: Schedule): Promise<Ending> {
    for (const id of await this.store.runIds()) await world.observe(id);
    return { run: await this.#read(runId), runs: await this.#runs(), world, faults: schedule.landed };
  }

  async #runs(): Promise<Run[]> {
    const runIds = (await this.store.runIds()).toSorted();
    return Promise.all(runIds.map((id) => this.#read(id)));
  }

  async #read(runId: string): Promise<Run> {
    const run = await (await this.#process('onlooker', true)).driver.read(runId);
    if (!run) throw new Error(`run ${runId} is gone`);
    return run;
  }

  #names(): string[] {
    return this.#flows.map(({ name }) => name);
  }

  #current(): Scene {
    if (!this.#scene) throw new Error('nothing is performed yet');
    return this.#scene;
  }

  /** The living process of that name. @param spared true for one to which nothing happens */
  async #process(name: string, spared = false): Promise<SimulatedProcess> {
    const living = this.#processes.get(name);
    if (living?.alive) return living;
    const { flow, children, leavesAfterEachStep = false, poisonAfter } = this.#scenario;
    const process = await SimulatedProcess.start({
      ...{
        name,
        redisUrl: this.#redisUrl,
        scene: () => this.#current(),
        leavesAfterEachStep,
        spared,
        poisonAfter,
      },
      flows: (providers) => {
        this.#flows = [flow(providers) as Flow, ...(children?.(providers) ?? [])];
        return this.#flows;
      },
    });
    await this.store.proveLife(process.driver.id);
    this.#processes.set(name, process);
    return process;
  }
}

/** What the run waits for, without its times and attempts. */
function whereItStands(run: Run): string {
  const waitsFor =
    'waitingFor' in run && run.waitingFor ? { ...run.waitingFor, until: undefined } : undefined;
  const deaths = run.status === 'dead' ? run.deaths : undefined;
  const steps = run.steps.map(({ name, status, attempts }) => [name, status, attempts]);
  return JSON.stringify([run.status, run.generation, deaths, waitsFor, steps, isTerminal(run.status)]);
}
