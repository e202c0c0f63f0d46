import { z } from 'zod';
import type { Processes } from '../processes.ts';
import { ask } from './http.ts';

const Effect = z.looseObject({ operation: z.string(), reference: z.string() });

/** The effects an order can have, by the names the ledger gives them. */
export const EFFECTS = ['charge', 'refund', 'reserve', 'release', 'label', 'void', 'send'] as const;
export type Effects = Readonly<Record<(typeof EFFECTS)[number], number>>;

/** The providers' own view of what happened, and a way to make them fail. */
export class Sandbox {
  readonly #url: string;
  readonly #signal: AbortSignal;

  constructor({ sandbox }: Processes, signal: AbortSignal) {
    if (!sandbox) throw new TypeError('the demo tells of the sandbox, which this system is without');
    this.#url = `${sandbox.url}/_control`;
    this.#signal = signal;
  }

  /** How often each effect really happened for a run. */
  async effectsOf(runId: string): Promise<Effects> {
    const { body } = await ask(`${this.#url}/ledger`, z.array(Effect), { signal: this.#signal });
    const own = body.filter((effect) => effect.reference.includes(runId));
    const count = (operation: string) => own.filter((effect) => effect.operation === operation).length;
    return {
      charge: count('charge'),
      refund: count('refund'),
      reserve: count('reserve'),
      release: count('release'),
      label: count('label'),
      void: count('void'),
      send: count('send'),
    };
  }

  async setFault(fault: object): Promise<void> {
    await ask(`${this.#url}/faults`, z.unknown(), { method: 'POST', body: fault, signal: this.#signal });
  }

  async clearFaults(): Promise<void> {
    await ask(`${this.#url}/faults`, z.unknown(), { method: 'DELETE', signal: this.#signal });
  }
}
