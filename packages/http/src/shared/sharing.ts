import type { GuardObserver } from './guard.ts';
import type { KeptTokens } from './kept-tokens.ts';
import type { Pins } from './pins.ts';
import type { SharedStore } from './shared-store.ts';

/** What the providers' limits, breakers and health are shared through with all other workers. */
export interface Sharing {
  readonly store: SharedStore;
  readonly pins: Pins;
  /** Default: each worker has tokens of its own. */
  readonly tokens?: KeptTokens | undefined;
  /** Multiplies how long a breaker stays open. */
  readonly retryScale?: number;
  readonly observer?: GuardObserver;
}
