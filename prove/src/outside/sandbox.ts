import type { Processes } from '@holdfast/local';
import { waitFor } from '@holdfast/testkit';
import { z } from 'zod';
import { askOk } from './http.ts';
import { Effect, runIdIn } from './records.ts';

export interface Fault {
  readonly provider: 'payment' | 'inventory' | 'shipping' | 'email';
  readonly operation: string;
  readonly fault:
    | 'error'
    | 'throttle'
    | 'timeout'
    | 'timeout_after_effect'
    | 'reset_before_effect'
    | 'reset_after_effect'
    | 'slow';
  readonly status?: number;
  readonly retryAfter?: number;
  readonly delayMs?: number;
  readonly times?: number;
}

const ActiveFault = z.object({ id: z.int(), provider: z.string(), operation: z.string(), times: z.int() });

/** How often each effect happened; those that did not are left out. */
export type Effects = Readonly<Record<string, number>>;

export const FULFILLED: Effects = { charge: 1, reserve: 1, label: 1, send: 1 };

/** The providers' control: what really happened, and what shall go wrong. */
export class Sandbox {
  readonly #processes: () => Pick<Processes, 'sandbox'>;

  constructor(processes: () => Pick<Processes, 'sandbox'>) {
    this.#processes = processes;
  }

  async ledger(): Promise<Effect[]> {
    return z.array(Effect).parse((await askOk(`${this.#url()}/ledger`)).body);
  }

  /** The effects a run had, in the order in which they happened. */
  async effectsOf(runId: string): Promise<Effect[]> {
    return (await this.ledger()).filter(({ reference }) => runIdIn(reference) === runId);
  }

  async countsOf(runId: string): Promise<Effects> {
    const counts: Record<string, number> = {};
    for (const { operation } of await this.effectsOf(runId)) {
      counts[operation] = (counts[operation] ?? 0) + 1;
    }
    return counts;
  }

  /** Lets the next requests fail. @returns the fault's id */
  async fault(fault: Fault): Promise<number> {
    const { body } = await askOk(`${this.#url()}/faults`, { method: 'POST', body: fault });
    return ActiveFault.parse(body).id;
  }

  /** Resolves once the faults have taken hold as often as they should. */
  async used(...ids: readonly number[]): Promise<void> {
    await waitFor(async () => (await this.pending()).every(({ id }) => !ids.includes(id)), {
      what: `the faults ${ids.join(', ')} to take hold`,
      timeoutMs: 15_000,
    });
  }

  async pending(): Promise<z.infer<typeof ActiveFault>[]> {
    return z.array(ActiveFault).parse((await askOk(`${this.#url()}/faults`)).body);
  }

  async clearFaults(): Promise<void> {
    await askOk(`${this.#url()}/faults`, { method: 'DELETE' });
  }

  #url(): string {
    return `${this.#processes().sandbox?.url}/_control`;
  }
}
