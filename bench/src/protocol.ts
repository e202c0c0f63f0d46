import type { ContenderName } from './contenders/contender.ts';

/** What a child process is started with, as its only argument. */
export interface ChildPlan {
  readonly contender: ContenderName;
  readonly redisUrl: string;
}

/** Each order is answered by one report. */
export type WorkerOrder =
  | { readonly do: 'start'; readonly concurrency: number }
  | { readonly do: 'stop' }
  | { readonly do: 'report' };

export interface WorkerReport {
  /** Since the process began. */
  readonly cpuMs: number;
  readonly peakRssBytes: number;
  readonly runs: number;
  readonly steps: number;
  /** When the first run since the last start began, on this machine's monotonic clock. */
  readonly firstRunAtMs: number | undefined;
}

export type SubmitterOrder =
  | { readonly do: 'submit'; readonly count: number; readonly inFlight: number }
  /** The next run is submitted once the last one is seen to be completed. */
  | { readonly do: 'submit_one_at_a_time'; readonly count: number };

export interface SubmitterReport {
  /** Since the process began. */
  readonly cpuMs: number;
  /** From submit to completed seen; only of runs that were submitted one at a time. */
  readonly latenciesMs: readonly number[];
}

/** The same clock in every process of this machine. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

export function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}
