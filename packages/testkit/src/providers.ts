import {
  InDoubtError,
  type LookUp,
  type RetryPolicy,
  type StepCall,
  type StepOptions,
} from '@holdfast/engine';
import type { CallRequest } from './world.ts';

/** What an invented provider does, for a step of a flow under test. */
export interface InventedStep {
  /**
   * How an effect in doubt can be resolved: the provider honours the key (`whenInDoubt: 'repeat'`), it can be asked, or neither
   * (`'halt'`). Default `keys`.
   */
  readonly helps?: 'keys' | 'look_up' | 'nothing';
  /** What is sent: plain data. Default: the step's name. */
  readonly body?: unknown;
  /** What the provider says instead of doing it, by how often it was asked for the effect, from 1. Default: it does it. */
  readonly refuses?: (nth: number) => Error | undefined;
  /** Default: it can be undone. `false`: it has no undo. */
  readonly undo?: false | { readonly refuses: (nth: number) => Error | undefined };
  readonly retry?: Partial<RetryPolicy>;
}

/** The providers as one process reaches them; they may be cut off at any moment. */
export abstract class Providers {
  /**
   * One call to a provider, for ports written by hand.
   * @throws what the provider refuses it with, or InDoubtError when the request or its reply was lost
   */
  abstract call<T>(call: StepCall, request: CallRequest<T>): Promise<T>;
  /** Looks up what came of an effect, by its call's key. */
  abstract find<T>(call: StepCall): Promise<LookUp<T>>;

  /** A step over an invented provider that answers `{ done: <name> }`. */
  step(name: string, step: InventedStep = {}): StepOptions<{ readonly done: string }> {
    return this.stepWith(name, { done: name }, step);
  }

  /** A step over an invented provider that answers what it is told to. */
  stepWith<T>(name: string, answer: T, step: InventedStep = {}): StepOptions<T> {
    const { helps = 'keys', body = name, refuses, undo, retry } = step;
    return {
      run: (call) =>
        this.call(call, {
          ...{ operation: name, body, honoursKeys: helps === 'keys', refuses },
          answer: () => answer,
        }),
      ...(undo !== false && {
        undo: async (result: T, call: StepCall) => {
          await this.call(call, {
            ...{ operation: `undo ${name}`, body: result, refuses: undo?.refuses },
            answer: () => null,
          });
        },
      }),
      whenInDoubt: helps === 'keys' ? 'repeat' : helps === 'nothing' ? 'halt' : (call) => this.find<T>(call),
      // what is sent here has arrived, or never will
      settleFor: 0,
      ...(retry && { retry }),
    };
  }
}

/** What a lost request or reply looks like to a process that lives. */
export function lost(what: string): InDoubtError {
  return new InDoubtError({ code: 'lost', message: `${what}: the connection broke` });
}
