import type { Flow, LookUp, StepCall } from '@holdfast/engine';
import { createDriver, type Driver } from '@holdfast/engine/testing';
import type { Gate } from './gate.ts';
import { lost, Providers } from './providers.ts';
import type { Fault, Schedule } from './schedule.ts';
import { type Passage, WatchedRedis } from './watched-redis.ts';
import type { CallRequest, World } from './world.ts';

/** What all processes of an execution share. */
export interface Scene {
  readonly world: World;
  readonly schedule: Schedule;
  /** Calls in doubt that no crash accounts for. */
  unknowns: number;
  /** It took too long, or something in it failed: nobody waits for it any more. */
  givenUp: boolean;
  /** Holds the commands of the processes that race. */
  gate?: Gate | undefined;
  /** What somebody else does at the point of an interrupt. */
  interrupt(): Promise<void>;
  /** A cancel of the run that is tested was accepted. */
  cancelled: boolean;
  /** A cancel of that run, which may be another, was accepted. */
  isCancelled(runId: string): Promise<boolean>;
}

/**
 * One process, as far as the outside can tell: what it sends to Redis and to providers goes through here. When it crashes, nothing
 * that it sends or waits for goes on any more.
 */
export class SimulatedProcess {
  readonly name: string;
  readonly driver: Driver;
  /** Resolves when it crashes. */
  readonly died: Promise<'died'>;
  readonly #options: ProcessOptions;
  readonly #connection: WatchedRedis;
  #alive = true;
  #draining = false;
  #heardIn: Scene | undefined;
  #callsInDelivery = 0;
  #die: (died: 'died') => void = () => {};

  private constructor(options: ProcessOptions, connection: WatchedRedis) {
    this.name = options.name;
    this.#options = options;
    this.#connection = connection;
    this.died = new Promise((resolve) => {
      this.#die = resolve;
    });
    const random = options.random ?? Math.random;
    this.driver = createDriver({
      ...{ connection, random },
      flows: options.flows(new ReachableProviders(this)),
      ...(options.poisonAfter !== undefined && { poisonAfter: options.poisonAfter }),
      draining: () => this.#draining || (options.leavesAfterEachStep === true && this.#callsInDelivery > 0),
    });
  }

  static async start(options: ProcessOptions): Promise<SimulatedProcess> {
    const connection = await WatchedRedis.connect(options.redisUrl);
    const process = new SimulatedProcess(options, connection);
    if (!options.spared) connection.intercept((command) => process.#passage(command));
    return process;
  }

  /** Redis has answered something that was sent after a cancel was accepted: from then on the process knows. */
  get knowsOfCancel(): boolean {
    return this.#heardIn === this.scene;
  }

  get alive(): boolean {
    return this.#alive;
  }

  get scene(): Scene {
    return this.#options.scene();
  }

  /** Has the process do something, until that is done or the process dies. */
  async does<T>(work: (driver: Driver) => Promise<T>): Promise<T | 'died'> {
    this.#callsInDelivery = 0;
    const done = await Promise.race([work(this.driver), this.died]);
    if (this.#draining) void this.crash();
    return done;
  }

  /** It is told to stop, and its grace is over at once: it ends with what it is doing. */
  drain(): void {
    this.scene.schedule.note(`${this.name} is told to stop`);
    this.#draining = true;
    this.driver.giveUp('worker_stops');
  }

  /** Never resolves: whoever awaits it is dead. */
  crash(): Promise<never> {
    if (this.#alive) {
      this.#alive = false;
      this.scene.schedule.note(`${this.name} dies`);
      this.#die('died');
      this.#connection.disconnect();
      // BullMQ would try again and again, for as long as this real process lives
      this.driver.close().catch(() => {});
    }
    return never();
  }

  crashSoon(): void {
    setImmediate(() => void this.crash());
  }

  async close(): Promise<void> {
    if (!this.#alive) return;
    await this.driver.close();
    this.#alive = false;
    this.#connection.disconnect();
  }

  /** A call to a provider is about to leave. @param effect false when it only asks */
  calls(operation: string, effect = true): Fault | undefined {
    if (effect) this.#callsInDelivery += 1;
    return this.#options.spared ? undefined : this.scene.schedule.reach('call', `${this.name}: ${operation}`);
  }

  #passage(command: string): Passage {
    const { gate } = this.scene;
    if (gate && this.#alive) return gate.passage(this.name, command);
    // BullMQ writes a queue's settings at a time of its own
    const counts = this.#alive && !/^hset \S+:meta$/.test(command);
    const fault = counts ? this.scene.schedule.reach('command', `${this.name}: ${command}`) : undefined;
    let sentSince = false;
    return {
      mayLeave: this.#mayLeave(fault).then(() => {
        sentSince = this.scene.cancelled;
      }),
      arrives: async () => {
        if (sentSince) this.#heardIn = this.scene;
        if (fault === 'crash_before_reply') await this.crash();
        if (!this.#alive) await never();
        if (fault === 'interrupt_after') await this.scene.interrupt();
        if (fault === 'crash_after_reply') this.crashSoon();
        if (fault === 'drain') this.drain();
        return fault === 'reply_lost' ? 'again' : 'deliver';
      },
    };
  }

  async #mayLeave(fault: Fault | undefined): Promise<void> {
    if (fault === 'crash_before') await this.crash();
    if (fault === 'interrupt_before') await this.scene.interrupt();
    if (!this.#alive) await never();
  }
}

export interface ProcessOptions {
  readonly name: string;
  readonly redisUrl: string;
  readonly flows: (providers: Providers) => readonly Flow[];
  readonly scene: () => Scene;
  readonly random?: () => number;
  /** The run leaves its worker and comes back after every step. */
  readonly leavesAfterEachStep?: boolean;
  /** Claims in a row without progress after which a run is thought to end its worker. */
  readonly poisonAfter?: number | undefined;
  /** Nothing happens to it, and what it does is not in the trace. */
  readonly spared?: boolean;
}

/** The providers as one process reaches them. */
class ReachableProviders extends Providers {
  readonly #process: SimulatedProcess;

  constructor(process: SimulatedProcess) {
    super();
    this.#process = process;
  }

  async call<T>(call: StepCall, request: CallRequest<T>): Promise<T> {
    const leave = this.#process.scene.gate?.enter();
    try {
      return await this.#call(call, request);
    } finally {
      leave?.();
    }
  }

  async #call<T>(call: StepCall, request: CallRequest<T>): Promise<T> {
    const process = this.#process;
    const { scene } = process;
    const what = `${request.operation} ${call.step}`;
    if (!process.alive) return never();
    const cancelled = process.knowsOfCancel && (await scene.isCancelled(call.runId));
    const fault = process.calls(request.operation);
    if (fault === 'crash_before') return process.crash();
    if (fault === 'interrupt_before') await scene.interrupt();
    if (fault === 'request_lost') {
      scene.unknowns += 1;
      throw lost(what);
    }
    await scene.world.receive(call, request, cancelled);
    const answer = answerOf(() => scene.world.perform(call, request));
    if (fault === 'crash_before_reply') return process.crash();
    if (fault === 'interrupt_after') await scene.interrupt();
    if (!process.alive) return never();
    if (fault === 'reply_lost' || fault === 'then_refused') {
      scene.unknowns += 1;
      if (fault === 'then_refused' && 'result' in answer) scene.world.refuseNext(call);
      throw lost(what);
    }
    if (fault === 'drain') {
      // the call is cut off before its reply is taken
      process.drain();
      return never();
    }
    if (fault === 'crash_after_reply') process.crashSoon();
    if ('refusal' in answer) throw answer.refusal;
    return answer.result;
  }

  async find<T>(call: StepCall): Promise<LookUp<T>> {
    const process = this.#process;
    const { scene } = process;
    if (!process.alive) return never();
    const fault = process.calls(`find ${call.step}`, false);
    if (fault === 'crash_before' || fault === 'crash_before_reply') return process.crash();
    if (fault === 'interrupt_before' || fault === 'interrupt_after') await scene.interrupt();
    if (fault === 'request_lost' || fault === 'reply_lost' || fault === 'then_refused')
      throw lost(`find ${call.step}`);
    if (fault === 'drain') {
      process.drain();
      return never();
    }
    if (fault === 'crash_after_reply') process.crashSoon();
    const effect = scene.world.find(call);
    return effect ? { outcome: 'found', result: effect.result as T } : { outcome: 'none' };
  }
}

function answerOf<T>(perform: () => T): { readonly result: T } | { readonly refusal: unknown } {
  try {
    return { result: perform() };
  } catch (refusal) {
    return { refusal };
  }
}

function never(): Promise<never> {
  return new Promise<never>(() => {});
}
