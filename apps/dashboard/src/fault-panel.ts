import { readFile } from 'node:fs/promises';
import { hastenNext } from '@holdfast/engine/dev';
import type { RedisConnection } from '@holdfast/redis';
import { z } from 'zod';

/** What the sandbox plays. */
export const SANDBOX_PROVIDERS = ['payment', 'inventory', 'shipping', 'email'] as const;
export type SandboxProvider = (typeof SANDBOX_PROVIDERS)[number];

/** A fault that the sandbox has been told of and that is still to come. */
export interface PendingFault {
  readonly provider: string;
  readonly fault: string;
  readonly times: number;
  readonly status?: number | undefined;
}

export interface FaultState {
  readonly workers: number;
  /** Absent where the system has no sandbox, or it does not answer. */
  readonly pending: readonly PendingFault[] | undefined;
}

/** Breaks what runs on this machine, for people who want to see what becomes of their runs. Only `npm start` and `holdfast dev` have it. */
export interface FaultPanel {
  state(): Promise<FaultState>;
  /** Ends a worker as a crash would. @returns false when none is there */
  killWorker(): Promise<boolean>;
  /** @returns false when there is no sandbox, as for the others */
  takeDown(provider: SandboxProvider): Promise<boolean>;
  /** Takes back every fault that is still to come. */
  bringBack(): Promise<boolean>;
  /** The provider's next effect happens, and its answer is lost. */
  loseReply(provider: SandboxProvider): Promise<boolean>;
  declineCard(): Promise<boolean>;
  /** @returns the run whose wait it ended, or undefined when none waits for a time */
  nextDue(): Promise<string | undefined>;
}

const Process = z.object({ pid: z.int().positive(), url: z.string() });
const Processes = z.object({ workers: z.array(Process), sandbox: Process.optional() });
const Pending = z.array(
  z.object({ provider: z.string(), fault: z.string(), times: z.number(), status: z.number().optional() }),
);

const ANSWERS_WITHIN_MS = 1_000;
/** For good, as far as anybody looks. */
const ALWAYS = 1_000_000;

/** @param processesFile where whoever supervises the system says who runs where at the moment */
export function faultPanel(processesFile: string, connection: RedisConnection): FaultPanel {
  const processes = async () => Processes.parse(JSON.parse(await readFile(processesFile, 'utf8')));

  const control = async (
    method: 'GET' | 'POST' | 'DELETE',
    fault?: object,
  ): Promise<Response | undefined> => {
    const { sandbox } = await processes();
    if (!sandbox) return undefined;
    const answer = await fetch(`${sandbox.url}/_control/faults`, {
      method,
      signal: AbortSignal.timeout(ANSWERS_WITHIN_MS),
      ...(fault && { body: JSON.stringify(fault), headers: { 'content-type': 'application/json' } }),
    }).catch(() => undefined);
    return answer?.ok ? answer : undefined;
  };
  const set = async (fault: object) => (await control('POST', fault)) !== undefined;

  return {
    async state() {
      const answer = await control('GET');
      return {
        workers: (await processes()).workers.length,
        pending: answer && Pending.parse(await answer.json()),
      };
    },

    async killWorker() {
      const { workers } = await processes();
      for (const { pid, url } of workers.toSorted(() => Math.random() - 0.5)) {
        // one that is being started again has not this process any more
        const lives = await fetch(`${url}/livez`, { signal: AbortSignal.timeout(ANSWERS_WITHIN_MS) }).then(
          ({ ok }) => ok,
          () => false,
        );
        if (!lives) continue;
        process.kill(pid, 'SIGKILL');
        return true;
      }
      return false;
    },

    takeDown: (provider) => set({ provider, fault: 'reset_before_effect', times: ALWAYS }),
    bringBack: async () => (await control('DELETE')) !== undefined,
    loseReply: (provider) => set({ provider, fault: 'reset_after_effect' }),
    declineCard: () => set({ provider: 'payment', operation: 'charge', fault: 'error', status: 402 }),
    nextDue: () => hastenNext(connection),
  };
}
