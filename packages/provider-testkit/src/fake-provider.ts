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

type LooseScript = Readonly<Record<string, readonly Answer<unknown>[]>>;

type FakeOperations<S extends LooseScript> = {
  readonly [K in keyof S]: (call: StepCall, input?: unknown) => Promise<ResultIn<S[K][number]>>;
};
type ResultIn<A> = A extends { readonly result: infer R } ? R : never;

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
export function fakeProvider<P extends OwnProvider>(provider: P, script: Script<P>): FakeProvider;
/**
 * The same without a provider, for flows that are given what they call: `operations` has a function for each name in the script.
 * @example
 * const fake = fakeProvider({ charge: ['time-out', { result: { chargeId: 'ch_1' } }] });
 * const flow = checkout(fake.operations);
 */
export function fakeProvider<const S extends LooseScript>(
  script: S,
): FakeProvider & { readonly operations: FakeOperations<S> };
export function fakeProvider(
  first: OwnProvider | LooseScript,
  given?: object,
): FakeProvider & { readonly operations: FakeOperations<LooseScript> } {
  const inside = INSIDE in first ? (first as OwnProvider)[INSIDE] : undefined;
  // checked by the two signatures above
  const script = (given ?? first) as LooseScript;
  const name = inside?.plan.name ?? 'fake';
  for (const operation of Object.keys(script)) {
    if (inside && !Object.hasOwn(inside.operations, operation))
      throw new TypeError(`fakeProvider: the provider "${name}" has no operation \`${operation}\``);
  }
  const calls: FakeCall[] = [];
  const count = (operation?: string) =>
    calls.filter((call) => operation === undefined || call.operation === operation).length;
  const perform = async (operation: string, call: StepCall, input: unknown): Promise<unknown> => {
    const nth = count(operation);
    calls.push({ operation, idempotencyKey: call.idempotencyKey, attempt: call.attempt, input });
    const answers = script[operation] ?? [];
    const answer = answers[nth];
    if (answer === undefined)
      throw new TypeError(
        `fakeProvider: \`${name}.${operation}\` was called ${nth + 1} times, and its script has ${answers.length} answers`,
      );
    if (answer === 'time-out')
      throw timeOut(name, operation, inside?.operations[operation]?.kind === 'look_up');
    if ('failure' in answer) throw answer.failure;
    return answer.result;
  };
  const operations = Object.fromEntries(
    Object.keys(script).map((operation) => [
      operation,
      (call: StepCall, input?: unknown) => perform(operation, call, input),
    ]),
  ) as FakeOperations<LooseScript>;
  return { calls, count, operations, release: inside?.use(perform).release ?? (() => {}) };
}

function timeOut(provider: string, operation: string, onlyReads: boolean): StepError {
  const fault = {
    code: 'headers_timeout',
    message: `${provider} ${operation}: no answer: headers timeout after the request was sent`,
    details: { provider, operation },
  };
  return onlyReads ? new UnavailableError(fault) : new InDoubtError(fault);
}
