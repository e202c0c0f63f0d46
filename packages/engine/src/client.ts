import type { Run } from './run.ts';

export interface SubmitRequest {
  readonly flow: string;
  /** Parsed JSON from outside; checked against the flow's schema before anything is written. */
  readonly input: unknown;
  readonly tenant: string;
  /** 1–255 visible ASCII characters. Together with tenant and flow it determines the run's id. */
  readonly idempotencyKey: string;
  /** Equal for two requests that are the same; a key that comes again with another fingerprint is refused. */
  readonly fingerprint: string;
}

export type SubmitReply =
  | { readonly outcome: 'created'; readonly run: Run }
  | { readonly outcome: 'replayed'; readonly run: Run }
  | { readonly outcome: 'key_reused'; readonly runId: string };

export interface InputFault {
  /** Where, as in `items.0.quantity`; empty for the whole input. */
  readonly path: string;
  readonly message: string;
}

/** The input does not fit the flow's schema. Nothing was written; the key stays free. */
export class InvalidInputError extends Error {
  readonly code = 'validation_failed';
  constructor(
    readonly flow: string,
    readonly faults: readonly InputFault[],
  ) {
    super(`input of flow "${flow}": ${faults.map((f) => `${f.path || '(input)'}: ${f.message}`).join('; ')}`);
    this.name = 'InvalidInputError';
  }
}

export class UnknownFlowError extends Error {
  readonly code = 'flow_unknown';
  constructor(readonly flow: string) {
    super(`no flow is called "${flow}"`);
    this.name = 'UnknownFlowError';
  }
}

/** Redis is away, refusing writes or too slow. Whether the write landed is not known: send the same request again. */
export class StoreUnavailableError extends Error {
  readonly code = 'store_unavailable';
  constructor(message: string, cause: unknown) {
    super(message, { cause });
    this.name = 'StoreUnavailableError';
  }
}

/** The way into the engine for whoever submits and reads runs. Every call fails within its connection's time-out. */
export interface Client {
  /** Durable when it returns: the run is recorded and its job is queued. */
  submit(request: SubmitRequest): Promise<SubmitReply>;
  /** @returns undefined when there is no such run for this tenant. */
  getRun(tenant: string, runId: string): Promise<Run | undefined>;
  /** The run as soon as it is terminal or dead, or as it stands after `timeoutMs` or when the signal aborts. */
  waitForEnd(
    tenant: string,
    runId: string,
    timeoutMs: number,
    signal?: AbortSignal,
  ): Promise<Run | undefined>;
  /** Throws StoreUnavailableError unless Redis answers and takes writes. */
  ping(): Promise<void>;
}
