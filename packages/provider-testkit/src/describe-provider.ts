import type { Operation, OwnProvider } from '@holdfast/project';
import { INSIDE } from '@holdfast/project';
import { CHECKS } from './checks.ts';
import type { ServedAnswer } from './provider-server.ts';
import { Trial } from './trial.ts';

/** What the kit cannot know of an operation. */
export interface ConformanceCase<I, R> {
  /** A good one. */
  readonly input: I;
  /** How the provider answers it, and what the step gets; without `result` any will do. */
  readonly ok: ServedAnswer & { readonly result?: R };
  /** A refusal in the provider's own form, with the code that the step is to see. Absent: the operation has none. */
  readonly refused?: ServedAnswer & { readonly code: string };
}

export interface DescribeProviderOptions<P> {
  /** The test runner's own, such as those of vitest. */
  readonly describe: (name: string, body: () => void) => void;
  readonly it: (name: string, body: () => Promise<void>) => unknown;
  /** One for each operation. */
  readonly operations: {
    readonly [K in keyof P as P[K] extends Callable ? Exclude<K, keyof OwnProvider> : never]: CaseOf<P[K]>;
  };
}

type Callable = (...args: never[]) => Promise<unknown>;
type CaseOf<F> = F extends (call: never, ...rest: infer A) => Promise<infer R>
  ? ConformanceCase<A extends [infer I] ? I : undefined, R>
  : never;

/**
 * Tests a provider made by `defineProvider` against a local HTTP server: for each of its operations, that a good answer, its own refusal, a
 * refused key, a redirect, a page, a limit, an overload, a failure, a time-out, a lost reply and a body that is too large or cannot be read
 * each come to what they should, and that no error shows a secret.
 * @throws TypeError for an operation without a case
 * @example
 * import { describe, it } from 'vitest';
 * describeProvider(slack, {
 *   describe, it,
 *   operations: {
 *     postMessage: {
 *       input: { channel: 'C1', text: 'Hello' },
 *       ok: { status: 200, json: { ok: true, ts: '1.2' }, result: { ts: '1.2' } },
 *       refused: { status: 200, json: { ok: false, error: 'channel_not_found' }, code: 'channel_not_found' },
 *     },
 *   },
 * });
 */
export function describeProvider<P extends OwnProvider>(
  provider: P,
  options: DescribeProviderOptions<P>,
): void {
  const { describe, it } = options;
  const { operations } = provider[INSIDE];
  const cases = new Map<string, ConformanceCase<unknown, unknown>>(Object.entries(options.operations));
  for (const [name, made] of Object.entries(operations)) {
    const its = cases.get(name);
    if (!its)
      throw new TypeError(
        `describeProvider: the operation \`${name}\` of the provider "${provider.name}" has no case; add \`operations.${name}\``,
      );
    describe(`${provider.name}.${name}`, () => {
      // every operation was made by `operation` or `lookUp`
      const trial = new Trial(provider, name, made as Operation<unknown, unknown>, its);
      for (const { what, applies, run } of CHECKS) {
        if (applies(trial)) it(what, () => run(trial));
      }
    });
  }
}
