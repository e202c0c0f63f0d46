import { z } from 'zod';
import { PROVIDERS, type Provider } from './ledger.ts';

/** Beside the providers, the TLS in front of them: who connects has not said yet whom to. */
const TROUBLED = [...PROVIDERS, 'tls'] as const;
type Troubled = (typeof TROUBLED)[number];

/** What a fault can be set on. An effect's operation has the name it has in the ledger. */
export const OPERATIONS = {
  payment: ['charge', 'refund', 'create', 'cancel', 'retrieve'],
  inventory: ['reserve', 'release'],
  shipping: ['token', 'label', 'find', 'void'],
  email: ['send'],
  tls: ['connect'],
} as const satisfies Record<Troubled, readonly string[]>;

export type Operation<P extends Troubled = Provider> = (typeof OPERATIONS)[P][number];

const delayMs = (fallback: number) => z.int().min(0).max(600_000).default(fallback);

const retryAfter = z.union(
  [z.number(), z.string().regex(/^[\x20-\x7e]{1,255}$/)],
  'expected seconds, or the text of the Retry-After header such as an HTTP date',
);

const common = {
  provider: z.enum(TROUBLED),
  /** `*`: any operation of the provider. */
  operation: z.string().default('*'),
  /** How many requests it takes hold of. */
  times: z.int().min(1).default(1),
};

/** Where a fault strikes that is no answer to a request: when a recipient is named, a token given, a connection made. */
const STRIKES = { greylist: 'recipient', one_live_token: 'issue', slow_connect: 'connect' } as const;
type Strikes = (typeof STRIKES)[keyof typeof STRIKES] | 'answer';

const ONLY_AT: Readonly<Record<string, readonly Troubled[]>> = {
  greylist: ['email'],
  one_live_token: ['shipping'],
  slow_connect: ['tls'],
};
const NOT_AT: Readonly<Record<string, readonly Troubled[]>> = {
  firewall: ['email', 'tls'],
  gzip: ['email', 'tls'],
};

/** A fault to come. Members that mean nothing for the kind of fault are refused. */
export const FaultRequest = z
  .discriminatedUnion('fault', [
    z.strictObject({
      ...common,
      fault: z.literal('error'),
      status: z.int().min(400).max(599).default(500),
      retryAfter: retryAfter.optional(),
      delayMs: delayMs(0),
    }),
    z.strictObject({
      ...common,
      fault: z.literal('throttle'),
      retryAfter: retryAfter.default(1),
      delayMs: delayMs(0),
    }),
    // For time-outs: how long the connection is held before it is dropped, should the client never give up.
    z.strictObject({ ...common, fault: z.literal('timeout'), delayMs: delayMs(120_000) }),
    z.strictObject({ ...common, fault: z.literal('timeout_after_effect'), delayMs: delayMs(120_000) }),
    z.strictObject({ ...common, fault: z.literal('reset_before_effect'), delayMs: delayMs(0) }),
    z.strictObject({ ...common, fault: z.literal('reset_after_effect'), delayMs: delayMs(0) }),
    z.strictObject({ ...common, fault: z.literal('slow'), delayMs: delayMs(1000) }),
    z.strictObject({
      ...common,
      fault: z.literal('firewall'),
      status: z.union([z.literal(200), z.int().min(400).max(599)]).default(403),
    }),
    z.strictObject({ ...common, fault: z.literal('gzip') }),
    z.strictObject({ ...common, fault: z.literal('greylist'), delayMs: delayMs(300_000) }),
    z.strictObject({ ...common, fault: z.literal('one_live_token') }),
    z.strictObject({ ...common, fault: z.literal('slow_connect'), delayMs: delayMs(1000) }),
  ])
  .superRefine(({ provider, operation, fault }, ctx) => {
    const fits = ONLY_AT[fault]?.includes(provider) ?? !(NOT_AT[fault] ?? ['tls']).includes(provider);
    if (!fits) {
      const message = `${fault} is no trouble of ${provider}`;
      ctx.addIssue({ code: 'custom', path: ['provider'], message });
    }
    const known: readonly string[] = ['*', ...OPERATIONS[provider]];
    if (known.includes(operation)) return;
    ctx.addIssue({
      code: 'custom',
      path: ['operation'],
      message: `${provider} has no operation ${JSON.stringify(operation)}; it has ${known.join(', ')}`,
    });
  });

export type Fault = z.output<typeof FaultRequest>;
/** A fault whose answer says no; the others break the connection or delay it. */
export type Refusal = Extract<Fault, { fault: 'error' | 'throttle' }>;

export type ActiveFault = Fault & { readonly id: number };

function strikesAt({ fault }: Fault): Strikes {
  const strikes: Readonly<Partial<Record<Fault['fault'], Strikes>>> = STRIKES;
  return strikes[fault] ?? 'answer';
}

/** The faults still to come. In memory only: a sandbox that was restarted has none. */
export class Faults {
  #active: ActiveFault[] = [];
  #lastId = 0;

  add(fault: Fault): ActiveFault {
    this.#lastId += 1;
    const active = { ...fault, id: this.#lastId };
    this.#active.push(active);
    return active;
  }

  /** In the order in which they were set; `times` is how often each will still take hold. */
  list(): readonly ActiveFault[] {
    return this.#active;
  }

  clear(): void {
    this.#active = [];
  }

  /** The oldest fault that is set on the operation and strikes there, used up by one. */
  take<P extends Troubled>(provider: P, operation: Operation<P>, at: Strikes = 'answer'): Fault | undefined {
    const taken = this.#active.find(
      (fault) =>
        fault.provider === provider &&
        (fault.operation === '*' || fault.operation === operation) &&
        strikesAt(fault) === at,
    );
    if (!taken) return undefined;
    this.#active = this.#active.flatMap((fault) => {
      if (fault !== taken) return [fault];
      return fault.times > 1 ? [{ ...fault, times: fault.times - 1 }] : [];
    });
    return taken;
  }
}
