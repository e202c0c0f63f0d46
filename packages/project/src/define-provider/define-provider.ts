import { readConfig } from '@holdfast/app-kit';
import { type DurationInput, type StepCall, toMs } from '@holdfast/engine';
import type { Limits } from '@holdfast/http';
import type { Provider } from '../provider.ts';
import { authVariables, type ProviderAuth } from './auth.ts';
import { checkDefinition } from './check-definition.ts';
import { type Bounds, type Connection, checkConnection, connectProvider, type Plan } from './connection.ts';
import type { ErrorRules } from './errors.ts';
import type { AnyOperation, Operation } from './operation.ts';
import { commonVariables, prefixOf, Settings, SHARED_VARIABLES } from './settings.ts';

export interface ProviderDefinition<O extends Readonly<Record<string, AnyOperation>>> extends ErrorRules {
  /** Lower-case letters, digits and dashes. It names the variables, and the provider in health, metrics and errors. */
  readonly name: string;
  /** Where it is, unless the variable `_URL` says otherwise. Default: the variable is needed. */
  readonly baseUrl?: string;
  readonly auth: ProviderAuth;
  /** A 2xx whose body fits `errors` is a refusal, as Slack gives them. `answer` must not fit such a body. Default false. */
  readonly errorsIn2xx?: boolean;
  /** The header that the call's idempotency key is sent in, but for GET and look-ups, or `false` for none. Default `Idempotency-Key`. */
  readonly idempotencyHeader?: string | false;
  /** What it takes, over all workers; the variables `_RPS`, `_BURST` and `_CONCURRENCY` win. Default: as fast as it goes, until it refuses. */
  readonly limits?: Limits;
  /** How long the breaker stays open: at first, doubling with each failed probe, and at most. Default 1 s and 10 s; never less than 250 ms. */
  readonly breaker?: { readonly first: DurationInput; readonly max: DurationInput };
  /**
   * To connect; from then to the head of the answer; from there to its end. A step's own time-out comes first where it is shorter.
   * Default 3 s, 25 s and 10 s.
   */
  readonly timeouts?: {
    readonly connect?: DurationInput;
    readonly headers?: DurationInput;
    readonly body?: DurationInput;
  };
  /** Longer answers are broken off, and in doubt. Default 1 MiB. */
  readonly maxResponseBytes?: number;
  /**
   * Of 503 (with a Retry-After) and 425: those that it gives before it has begun with anything, so that they are no doubt. Default: none.
   */
  readonly beforeAnyEffect?: readonly (503 | 425)[];
  /** Made by `operation` and `lookUp`. */
  readonly operations: O;
}

type Caller<X> =
  X extends Operation<infer I, infer R>
    ? unknown extends I
      ? (call: StepCall) => Promise<R>
      : (call: StepCall, input: I) => Promise<R>
    : never;

/** For a config's `providers`, and, in its flows, a function for each operation. */
export type DefinedProvider<O extends Readonly<Record<string, AnyOperation>>> = OwnProvider & {
  readonly [K in keyof O]: Caller<O[K]>;
};

/** Whatever its operations are. */
export interface OwnProvider extends Provider {
  /** @internal */
  readonly [INSIDE]: Inside;
}

export const INSIDE: unique symbol = Symbol('holdfast.provider');

export interface Inside {
  readonly plan: Plan;
  readonly operations: Readonly<Record<string, AnyOperation>>;
  /** Calls go there until it is released, or another one is used. */
  use(perform: Perform): { release(): void };
}

export type Perform = (operation: string, call: StepCall, input: unknown) => Promise<unknown>;

const DEFAULTS: Bounds = {
  connectTimeoutMs: 3_000,
  headersTimeoutMs: 25_000,
  bodyTimeoutMs: 10_000,
  maxResponseBytes: 1024 * 1024,
};

/**
 * A provider of one's own: where it is, how requests show who they come from, and what its answers mean. Workers connect it through the
 * shared limit, breaker and health; flows import it and call its operations inside of steps.
 * @throws TypeError saying what does not fit
 * @example
 * export const slack = defineProvider({
 *   name: 'slack',
 *   baseUrl: 'https://slack.com/api',
 *   auth: 'bearer',
 *   errors: z.object({ ok: z.literal(false), error: z.string() }).transform(({ error }) => ({ code: error })),
 *   errorsIn2xx: true,
 *   operations: { postMessage: operation({ … }) },
 * });
 * // in a flow
 * await ctx.step('tell', (call) => slack.postMessage(call, { channel: 'C1', text: 'Hello' }));
 */
export function defineProvider<const O extends Readonly<Record<string, AnyOperation>>>(
  definition: ProviderDefinition<O>,
): DefinedProvider<O> {
  const { name, auth, operations } = definition;
  checkDefinition(definition);
  const plan = planOf(definition);
  const own = {
    ...authVariables(auth, name),
    ...commonVariables(name, definition.baseUrl?.replace(/\/+$/, '')),
  };
  const variables = {
    ...Object.fromEntries(Object.entries(own).map(([end, type]) => [`${prefixOf(name)}_${end}`, type])),
    ...SHARED_VARIABLES,
  };

  /** The last one is used: a worker's, or a test's that stands in for it. */
  const connected: Perform[] = [];
  const use = (perform: Perform) => {
    connected.push(perform);
    return {
      release: () => {
        const at = connected.indexOf(perform);
        if (at >= 0) connected.splice(at, 1);
      },
    };
  };
  const callers = Object.fromEntries(
    Object.keys(operations).map((operation) => [
      operation,
      async (call: StepCall, input: unknown) => {
        checkCall(name, operation, call);
        const current = connected.at(-1);
        if (!current) throw notConnected(name, operation);
        return current(operation, call, input);
      },
    ]),
  );
  const made: OwnProvider = {
    name,
    variables,
    configure: (read) => {
      const settings = new Settings(name, read);
      checkConnection(plan, settings);
      return (sharing) => {
        const connection = connectProvider(plan, settings, sharing);
        const { release } = use(performOver(connection, operations));
        return {
          close: async () => {
            release();
            await connection.close();
          },
        };
      };
    },
    [INSIDE]: { plan, operations, use },
  };
  // the type says of each operation what its own function takes and gives
  return Object.assign(callers, made) as DefinedProvider<O>;
}

/**
 * Connects a provider on its own, without Redis, for tests: no shared limit, no breaker.
 * @param env its variables
 * @param bounds instead of the provider's, such as shorter time-outs
 * @throws ConfigError naming what is missing or cannot be used
 */
export function connectAlone(
  provider: OwnProvider,
  env: Readonly<Record<string, string>>,
  bounds: Partial<Bounds> = {},
): { close(): Promise<void> } {
  const { plan, operations, use } = provider[INSIDE];
  const settings = new Settings(provider.name, readConfig(provider.variables, env));
  const connection = connectProvider({ ...plan, bounds: { ...plan.bounds, ...bounds } }, settings, undefined);
  const { release } = use(performOver(connection, operations));
  return {
    close: async () => {
      release();
      await connection.close();
    },
  };
}

function performOver(connection: Connection, operations: Readonly<Record<string, AnyOperation>>): Perform {
  return (name, call, input) => {
    // every one was made by `operation` or `lookUp`: see checkDefinition
    const made = operations[name] as Operation<unknown, unknown>;
    return made.perform(connection.via(name), call, input);
  };
}

function planOf<O extends Readonly<Record<string, AnyOperation>>>(definition: ProviderDefinition<O>): Plan {
  const { name, auth, errors, emptyErrors, outcomes, limits = {}, breaker, timeouts = {} } = definition;
  return {
    ...{ name, auth, limits },
    errors: { errors, emptyErrors, outcomes, errorsIn2xx: definition.errorsIn2xx ?? false },
    idempotencyHeader: definition.idempotencyHeader ?? 'Idempotency-Key',
    breaker: breaker && { firstMs: toMs(breaker.first), maxMs: toMs(breaker.max) },
    bounds: {
      connectTimeoutMs: toMs(timeouts.connect ?? DEFAULTS.connectTimeoutMs),
      headersTimeoutMs: toMs(timeouts.headers ?? DEFAULTS.headersTimeoutMs),
      bodyTimeoutMs: toMs(timeouts.body ?? DEFAULTS.bodyTimeoutMs),
      maxResponseBytes: definition.maxResponseBytes ?? DEFAULTS.maxResponseBytes,
    },
    beforeAnyEffect: definition.beforeAnyEffect ?? [],
  };
}

function checkCall(provider: string, operation: string, call: unknown): void {
  if (typeof call === 'object' && call !== null && 'idempotencyKey' in call && 'signal' in call) return;
  throw new TypeError(
    `\`${provider}.${operation}\` takes the step's call first: ctx.step('…', (call) => ${provider}.${operation}(call, …))`,
  );
}

function notConnected(provider: string, operation: string): TypeError {
  return new TypeError(
    `the provider "${provider}" is not connected: \`${operation}\` works inside of a step, in a worker whose config names the provider in \`providers\``,
  );
}
