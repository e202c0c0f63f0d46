/** Who runs where, as HOLDFAST_HOME/processes.json tells it. */
export interface Processes {
  readonly apiKey: string;
  /** An external Redis has no process of ours. */
  readonly redis: { readonly pid: number | null; readonly url: string };
  /** Absent where the config does not use it. */
  readonly sandbox?: { readonly pid: number; readonly url: string; readonly smtpUrl: string };
  readonly api: { readonly pid: number; readonly url: string };
  readonly dashboard: {
    readonly pid: number;
    readonly url: string;
    readonly user: string;
    readonly password: string;
  };
  readonly workers: readonly { readonly pid: number; readonly url: string }[];
}
