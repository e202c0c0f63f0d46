import { InDoubtError, type StepCall, type StepError, UnavailableError } from '@holdfast/engine';
import { INSIDE, type OwnProvider } from '@holdfast/project';

/** One answer of a fake provider: what the step gets, what it throws, or no reply in time, so that nobody knows what happened. */
export type Answer<R> = { readonly result: R } | { readonly failure: StepError } | 'time-out';

/** The answers of each operation, in the order of its calls. */
export type Script<P> = {
  readonly [K in keyof P as P[K] extends (call: never, ...rest: never[]) => Promise<unknown>
    ? Exclude<K, keyof OwnProvider>
    : never]?: P[K] extends (call: never, ...rest: never[]) => Promise<infer R>
    ? readonly Answer<R>[]
    : never;
};

export interface FakeCall {
  readonly operation: string;
  /** Equal for all attempts of a step until a definite no is tried again. */
  readonly idempotencyKey: string;
  readonly attempt: number;
  readonly input: unknown;
}

export interface FakeProvider {
  /** In the order in which they were made. */
  readonly calls: readonly FakeCall[];
  /** Of one operation; without a name, of all. */
  count(operation?: string): number;
  /** The provider is itself again. */
  release(): void;
}

/**
 * Answers a provider's calls from a script instead of its connection, and counts them, until it is released. A call past the end of the
 * script is a mistake of the test: it throws a TypeError that says so.
 * @example
 * const fake = fakeProvider(slack, {
 *   postMessage: ['time-out', { failure: new RejectedError({ code: 'is_archived', message: 'archived' }) }, { result: { ts: '1.2' } }],
 * });
 * … // run a flow that calls slack.postMessage
 * expect(fake.count('postMessage')).toBe(3);
 * fake.release();
 */
export function fakeProvider<P extends OwnProvider>(provider: P, script: Script<P>): FakeProvider {
  const { operations, use } = provider[INSIDE];
  const answers = new Map<string, readonly Answer<unknown>[]>(Object.entries(script));
  for (const name of answers.keys()) {
    if (!Object.hasOwn(operations, name))
      throw new TypeError(`fakeProvider: the provider "${provider.name}" has no operation \`${name}\``);
  }
  const calls: FakeCall[] = [];
  const count = (operation?: string) =>
    calls.filter((call) => operation === undefined || call.operation === operation).length;

  const { release } = use(async (operation: string, call: StepCall, input: unknown) => {
    const nth = count(operation);
    const { idempotencyKey, attempt } = call;
    calls.push({ operation, idempotencyKey, attempt, input });
    const its = answers.get(operation) ?? [];
    const answer = its[nth];
    if (answer === undefined)
      throw new TypeError(
        `fakeProvider: \`${provider.name}.${operation}\` was called ${nth + 1} times, and its script has ${its.length} answers`,
      );
    if (answer === 'time-out')
      throw timeOut(provider.name, operation, operations[operation]?.kind === 'look_up');
    if ('failure' in answer) throw answer.failure;
    return answer.result;
  });
  return { calls, count, release };
}

function timeOut(provider: string, operation: string, onlyReads: boolean): StepError {
  const fault = {
    code: 'headers_timeout',
    message: `${provider} ${operation}: no answer: headers timeout after the request was sent`,
    details: { provider, operation },
  };
  return onlyReads ? new UnavailableError(fault) : new InDoubtError(fault);
}
