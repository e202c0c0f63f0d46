import type { Json } from './run.ts';

/** A durable value of a tenant, by its name. */
export interface State<T = unknown> {
  /** The value, or undefined where there is none. Recorded: the same on every replay. */
  get(): Promise<T | undefined>;
  /**
   * Changes the value, together with the outcome of the step before and before the next effect starts.
   * @throws RejectedError `state_conflict` when somebody else has changed it since this run read or changed it: read it again
   */
  set(value: T, options?: SetOptions): Promise<void>;
}

export interface SetOptions {
  /** Kept encrypted under `HOLDFAST_ENCRYPTION_KEYS`, and shown to nobody. Default false. */
  readonly encrypted?: boolean;
}

/** Encrypts values that are shown to nobody, and opens them for the same purpose only. */
export interface StateSealer {
  seal(plain: string, purpose: string): string;
  open(sealed: string, purpose: string): string;
}

/** A value as people see it. */
export type StateEntry = {
  readonly name: string;
  /** Another one after every change. */
  readonly revision: string;
  /** Unix milliseconds on Redis' clock. */
  readonly updatedAt: number;
} & ({ readonly value: Json } | { readonly encrypted: true });

/** What a value must be for a change of it: whatever it is, there, not there, or of one of these revisions. */
export type StateCondition = 'any' | 'present' | 'absent' | readonly string[];

const NAME = /^[A-Za-z0-9._:/-]{1,200}$/;

export function isStateName(name: string): boolean {
  return NAME.test(name);
}
