import { setTimeout as delay } from 'node:timers/promises';
import { pick, type Random } from '@holdfast/testkit';
import { shuffled } from '../load/mix.ts';
import type { Fault, Sandbox } from '../outside/sandbox.ts';
import type { Landings } from './landings.ts';

type Provider = Fault['provider'];

/** What is called often enough for a fault to take hold soon; `*` is any operation, look-ups and undos included. */
const OPERATIONS: Readonly<Record<Provider, readonly string[]>> = {
  payment: ['charge', 'refund', '*'],
  inventory: ['reserve', 'release', '*'],
  shipping: ['label', 'void', 'find', '*'],
  email: ['send'],
};

const PROVIDERS = ['payment', 'inventory', 'shipping', 'email'] as const;

interface Kind {
  readonly name: string;
  readonly fault: Fault['fault'];
  /** For one provider, in every fifth hand. */
  readonly rare?: true;
  readonly details: (provider: Provider, random: Random) => Partial<Fault>;
}

const none = () => ({});
const held = () => ({ delayMs: HELD_MS });

/** Everything that the sandbox can do to a call. */
const KINDS: readonly Kind[] = [
  {
    name: 'error',
    fault: 'error',
    details: (provider, random) => ({ status: provider === 'email' ? 451 : pick(random, [500, 503]) }),
  },
  {
    // about us, not about the order: nothing is undone, and a person redrives it
    name: 'key refused',
    fault: 'error',
    details: (provider) => ({ status: provider === 'email' ? 535 : 401 }),
  },
  // workers learn from each how fast they may call, and feel their way up for half a minute
  { name: 'throttle', fault: 'throttle', rare: true, details: () => ({ retryAfter: 1 }) },
  { name: 'timeout', fault: 'timeout', details: held },
  { name: 'timeout after effect', fault: 'timeout_after_effect', details: held },
  { name: 'reset before effect', fault: 'reset_before_effect', details: none },
  { name: 'reset after effect', fault: 'reset_after_effect', details: none },
  { name: 'slow', fault: 'slow', details: () => ({ delayMs: 500 }) },
];

/** How long a call that is never answered is held, so that it ends within the proof. */
const HELD_MS = 3_000;
const EVERY_MS = 350;
/** Faults that are still to come; more would only wait for each other. */
const AT_MOST = 12;
const OUTAGE_MS = 2_500;
const OUTAGE = 'provider: away';

export async function spoilCalls(
  sandbox: Sandbox,
  {
    random,
    landings,
    over,
  }: { readonly random: Random; readonly landings: Landings; readonly over: AbortSignal },
): Promise<void> {
  for (const { name } of KINDS) landings.planned.add(nameOf(name));
  landings.planned.add(OUTAGE);
  const set = new Map<number, string>();
  const note = async () => {
    const pending = new Set((await sandbox.pending()).map(({ id }) => id));
    for (const [id, kind] of set) {
      if (pending.has(id)) continue;
      set.delete(id);
      // when it took hold is known to within the time between two looks
      landings.landed(kind);
    }
  };
  for (let hands = 0; !over.aborted; hands += 1) {
    const hand = PROVIDERS.flatMap((provider) =>
      KINDS.filter(({ rare }) => !rare).map((kind) => ({ provider, kind })),
    );
    for (const kind of KINDS.filter(({ rare }) => rare)) {
      // an outage may have come first, and cleared it
      const due = hands % 5 === 0 || landings.missing.includes(nameOf(kind.name));
      if (due) hand.push({ provider: pick(random, PROVIDERS), kind });
    }
    for (const { provider, kind } of shuffled(random, hand)) {
      await delay(EVERY_MS, undefined, { signal: over }).catch(() => {});
      if (over.aborted) return;
      await note();
      if (set.size >= AT_MOST && !kind.rare) continue;
      const operation = kind.rare ? '*' : pick(random, OPERATIONS[provider]);
      const { fault, details } = kind;
      const id = await sandbox.fault({ provider, operation, fault, ...details(provider, random) });
      set.set(id, nameOf(kind.name));
    }
    await note();
    const at = Date.now();
    if (await outage(sandbox, pick(random, PROVIDERS), over)) landings.landed(OUTAGE, at);
    set.clear();
  }
}

/**
 * A provider is unreachable for a while: every call to it fails. Clears every other fault when it is back.
 * @returns whether it was called
 */
async function outage(sandbox: Sandbox, provider: Provider, over: AbortSignal): Promise<boolean> {
  const status = provider === 'email' ? 451 : 503;
  const times = 1_000_000;
  const outage = await sandbox.fault({ provider, operation: '*', fault: 'error', status, times });
  await delay(OUTAGE_MS, undefined, { signal: over }).catch(() => {});
  const left = (await sandbox.pending()).find(({ id }) => id === outage)?.times;
  await sandbox.clearFaults();
  return left !== times;
}

function nameOf(kind: string): string {
  return `provider: ${kind}`;
}
