import { toMs } from '../contract/duration.ts';
import { type RetryPolicyMs, retryPolicy } from '../contract/retry-policy.ts';
import type { LookUpFunction, StepCall, StepOptions, UndoOptions } from '../contract/step.ts';
import { fieldOf } from '../journal/identity.ts';
import type { DoubtRule } from '../journal/step-record.ts';

/** A step's effect, or its undo's. */
export interface Effect {
  readonly field: string;
  readonly step: string;
  readonly undo: boolean;
  /** What it does can be undone; of an undo itself, true. */
  readonly hasUndo: boolean;
  readonly optional: boolean;
  /** Another candidate follows: it is over for the flow when its attempts are used up. */
  readonly givesWay: boolean;
  readonly run: (call: StepCall) => unknown;
  readonly find: LookUpFunction<unknown> | undefined;
  readonly whenInDoubt: 'repeat' | 'halt' | LookUpFunction<unknown>;
  readonly keyLifetimeMs: number;
  readonly afterKeyLifetime: 'halt' | LookUpFunction<unknown>;
  readonly settleForMs: number;
  readonly retry: RetryPolicyMs;
  readonly timeoutMs: number;
}

// made for every step of every run, so member by member: spreads cost more than all else in a step
export function effectOf(step: string, options: StepOptions<unknown>): Effect {
  const timeoutMs = timeoutOf(options);
  return {
    field: fieldOf('step', step),
    step,
    undo: false,
    hasUndo: options.undo !== undefined,
    optional: (options as { readonly optional?: boolean }).optional === true,
    givesWay: (options as { readonly givesWay?: boolean }).givesWay === true,
    run: options.run,
    find: options.find,
    whenInDoubt: ruleOf(step, options, options.whenInDoubt),
    keyLifetimeMs: keyLifetimeOf(options),
    afterKeyLifetime: ruleOf(step, options, options.afterKeyLifetime),
    settleForMs: options.settleFor === undefined ? timeoutMs : toMs(options.settleFor),
    retry: retryPolicy(options.retry),
    timeoutMs,
  };
}

export function timeoutOf({ timeout = '30s' }: UndoOptions<unknown>): number {
  return toMs(timeout);
}

export function keyLifetimeOf({ keyLifetime = '24h' }: UndoOptions<unknown>): number {
  return toMs(keyLifetime);
}

/** What an option about doubts comes to, its defaults and short forms resolved. @throws TypeError for a look-up that is not there */
function ruleOf<Rule extends Effect['whenInDoubt']>(
  step: string,
  { find }: StepOptions<unknown>,
  rule: Rule | 'find' | undefined,
): Rule | 'halt' | LookUpFunction<unknown> {
  if (rule !== undefined && rule !== 'find') return rule;
  if (rule === 'find' && !find)
    throw new TypeError(`step "${step}" says whenInDoubt: 'find' and has no \`find\``);
  return find ?? 'halt';
}

export function ruleWord(rule: Effect['whenInDoubt']): DoubtRule {
  return typeof rule === 'function' ? 'look_up' : rule;
}
