import {
  InDoubtError,
  type Json,
  type LookUp,
  type RetryPolicy,
  type StepCall,
  type StepOptions,
} from '@holdfast/engine';
import type { CallRequest } from './world.ts';

/** What an invented provider does, for a step of a flow under test. */
export interface InventedStep<T extends Json> {
  /**
   * How an effect in doubt can be resolved: the provider honours the key (`whenInDoubt: 'repeat'`), it can be asked, or neither
   * (`'halt'`). Default `keys`.
   */
  readonly helps?: 'keys' | 'look_up' | 'nothing';
  readonly body?: Json;
  /** Default `{ done: <step> }`. */
  readonly answer?: T;
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
  abstract call<T extends Json>(call: StepCall, request: CallRequest<T>): Promise<T>;
  /** Looks up what came of an effect, by its call's key. */
  abstract find<T extends Json>(call: StepCall): Promise<LookUp<T>>;

  /** A step over an invented provider. */
  step<T extends Json = { readonly done: string }>(name: string, step: InventedStep<T> = {}): StepOptions<T> {
    const { helps = 'keys', undo, retry } = step;
    const body = step.body ?? { for: name };
    return {
      run: (call) =>
        this.call<T>(call, {
          ...{ operation: name, body, honoursKeys: helps === 'keys', refuses: step.refuses },
          answer: () => step.answer ?? ({ done: name } as unknown as T),
        }),
      ...(undo !== false && {
        undo: async (result: T, call: StepCall) => {
          await this.call(call, {
            ...{ operation: `undo ${name}`, body: { result }, refuses: undo?.refuses },
            answer: () => null,
          });
        },
      }),
      whenInDoubt: helps === 'keys' ? 'repeat' : helps === 'nothing' ? 'halt' : (call) => this.find<T>(call),
      ...(retry && { retry }),
    };
  }
}

/** What a lost request or reply looks like to a process that lives. */
export function lost(what: string): InDoubtError {
  return new InDoubtError({ code: 'lost', message: `${what}: the connection broke` });
}
