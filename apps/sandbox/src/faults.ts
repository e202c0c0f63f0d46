import { z } from 'zod';
import { PROVIDERS, type Provider } from './ledger.ts';

/** What a fault can be set on. An effect's operation has the name it has in the ledger. */
export const OPERATIONS = {
  payment: ['charge', 'refund', 'create', 'cancel', 'retrieve'],
  inventory: ['reserve', 'release'],
  shipping: ['token', 'label', 'find', 'void'],
  email: ['send'],
} as const satisfies Record<Provider, readonly string[]>;

export type Operation<P extends Provider = Provider> = (typeof OPERATIONS)[P][number];

const delayMs = (fallback: number) => z.int().min(0).max(600_000).default(fallback);

const retryAfter = z.union(
  [z.number(), z.string().regex(/^[\x20-\x7e]{1,255}$/)],
  'expected seconds, or the text of the Retry-After header such as an HTTP date',
);

const common = {
  provider: z.enum(PROVIDERS),
  /** `*`: any operation of the provider. */
  operation: z.string().default('*'),
  /** How many requests it takes hold of. */
  times: z.int().min(1).default(1),
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
  ])
  .superRefine(({ provider, operation }, ctx) => {
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

  /** The oldest fault that is set on the operation, used up by one. */
  take<P extends Provider>(provider: P, operation: Operation<P>): Fault | undefined {
    const taken = this.#active.find(
      (fault) => fault.provider === provider && (fault.operation === '*' || fault.operation === operation),
    );
    if (!taken) return undefined;
    this.#active = this.#active.flatMap((fault) => {
      if (fault !== taken) return [fault];
      return fault.times > 1 ? [{ ...fault, times: fault.times - 1 }] : [];
    });
    return taken;
  }
}
