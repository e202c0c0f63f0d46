import type { Flow, Run } from '@holdfast/engine';
import type { Driver } from '@holdfast/engine/testing';
import type { Gate } from './gate.ts';
import type { Providers } from './providers.ts';
import type { LandedFault, Schedule } from './schedule.ts';
import type { Store } from './store.ts';
import type { World } from './world.ts';

/** A flow to be tested, and the outside it lives in. */
export interface Scenario<I = unknown> {
  /** The flow over providers that may be cut off at any moment. */
  readonly flow: (providers: Providers) => Flow<I>;
  readonly input: I;
  /** Flows that it runs as children. */
  readonly children?: (providers: Providers) => readonly Flow[];
  /** What somebody does at once after the run was accepted, before a worker has it; done again when its process died. */
  readonly atOnce?: (driver: Driver, runId: string) => Promise<unknown>;
  /**
   * What people and other systems do once the run can not go on by itself: signal, redrive, resolve, rerun. Asked again whenever the
   * run stands elsewhere; asked again as well when the process that did it died.
   */
  readonly outside?: (scene: OutsideScene) => Promise<unknown>;
  /** Steps of which each must be recorded before the next is first called. Default: none. */
  readonly sequence?: readonly string[];
  /** Steps that have no undo. Default: none. */
  readonly irreversible?: readonly string[];
  /** Steps that only ask: nothing happens at their provider. Default: none. */
  readonly looks?: readonly string[];
  /** The run leaves its worker and comes back after every step. Default false. */
  readonly leavesAfterEachStep?: boolean;
  /** Lost owners in a row, without progress, after which the run is dead as poison. Default 25. */
  readonly poisonAfter?: number;
  /** Longer than any execution takes: one that needs more hangs. Default 15 000. */
  readonly maxMs?: number;
  /** What must be true at the end, on top of what is always true. Throws when it is not. */
  readonly expect: (ending: Ending) => void;
}

export interface OutsideScene {
  readonly run: Run;
  /** All runs that there are, its children included. */
  readonly runs: readonly Run[];
  readonly driver: Driver;
  readonly world: World;
}

/** Where an execution came to rest. */
export interface Ending {
  readonly run: Run;
  /** All runs that there are, its children included. */
  readonly runs: readonly Run[];
  readonly world: World;
  readonly faults: readonly LandedFault[];
}

export interface Execution<I = unknown> {
  readonly schedule: Schedule;
  /** Instead of the scenario's own. */
  readonly input?: I;
  /** How the run of a dead worker is found: by the other workers' sweepers, or by BullMQ when the lock has run out. */
  readonly recovery: 'takeover' | 'redelivery';
  /** What somebody else does at the point of an interrupt. */
  readonly interrupt?: (driver: Driver, runId: string, store: Store) => Promise<unknown>;
  /** What happens to the run before it is left to itself. */
  readonly opening?: (backstage: Backstage, runId: string) => Promise<void>;
  /** Owners of the run that may go on calling after another one took it. Default 0. */
  readonly rivals?: number;
  /** Whether the run is submitted before the opening. Default true. */
  readonly submitted?: boolean;
}

/** What an opening works with. */
export interface Backstage {
  readonly store: Store;
  /** The names of the flows. */
  readonly flows: readonly string[];
  /** The driver of a process to which nothing happens. */
  driver(name: string): Promise<Driver>;
  /** The driver of a process whose commands the gate holds. */
  actor(name: string): Promise<Driver>;
  /** Puts a gate in the way of the actors, or takes it away. */
  close(gate: Gate | undefined): void;
  /** The process of that name dies. */
  crash(name: string): Promise<void>;
}
