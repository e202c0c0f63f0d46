import { setTimeout as delay } from 'node:timers/promises';
import type { Cluster, Redis } from 'ioredis';
import type { FlowContract } from './define-flow.ts';
import { FlowRegistry } from './flow-registry.ts';
import { Jobs } from './jobs.ts';
import { encodeJson } from './journal/codec.ts';
import { runIdOf } from './journal/keys.ts';
import { redisJournal } from './journal/redis-journal.ts';
import { CorruptRecordError } from './journal/run-codec.ts';
import { isTerminal, type Json, type Run } from './run.ts';

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
  /** Ends what the client opened; the connection stays the caller's. */
  close(): Promise<void>;
}

export interface ClientOptions {
  /** Should fail fast: no offline queue, a command time-out. */
  readonly connection: Redis | Cluster;
  /** New runs begin with the highest version of a flow. */
  readonly flows: readonly FlowContract[];
}

export function createClient({ connection, flows }: ClientOptions): Client {
  const registry = new FlowRegistry<FlowContract>(flows);
  const journal = redisJournal({ connection, retentionMs: 0 });
  const jobs = new Jobs(connection);

  const client: Client = {
    async submit({ flow: name, input, tenant, idempotencyKey, fingerprint }) {
      const flow = registry.latest(name);
      if (!flow) throw new UnknownFlowError(name);
      const checked = checkInput(flow, input);
      const run = {
        runId: runIdOf(tenant, name, idempotencyKey),
        ...{ fingerprint, tenant, flow: name, version: flow.version, idempotencyKey },
        input: checked.json,
      };
      const [created] = await orUnavailable(
        // sent together: Redis takes them in this order, and a job without a new run behind it does nothing
        Promise.all([journal.createRun(run), jobs.add(name, run.runId, run.runId)]),
      );
      switch (created.outcome) {
        case 'created':
          return { outcome: 'created', run: newRun(run, checked.input, created.now) };
        case 'replayed':
          if (isTerminal(created.run.status)) await orUnavailable(jobs.remove(name, run.runId));
          return created;
        case 'key_reused':
          return { outcome: 'key_reused', runId: run.runId };
      }
    },

    async getRun(tenant, runId) {
      const run = await orUnavailable(journal.readRun(runId));
      return run?.tenant === tenant ? run : undefined;
    },

    async waitForEnd(tenant, runId, timeoutMs, signal) {
      const giveUpAt = performance.now() + timeoutMs;
      for (let pauseMs = 10; ; pauseMs = Math.min(pauseMs * 1.5, 250)) {
        const status = await orUnavailable(journal.readStatus(runId));
        const leftMs = giveUpAt - performance.now();
        const over = status === undefined || status === 'dead' || isTerminal(status);
        if (over || leftMs <= 0 || signal?.aborted) return client.getRun(tenant, runId);
        await delay(Math.min(pauseMs, leftMs), undefined, { signal }).catch(() => {});
      }
    },

    async ping() {
      await orUnavailable(connection.ping());
    },

    close: () => jobs.close(),
  };
  return client;
}

function checkInput(flow: FlowContract, input: unknown): { readonly input: Json; readonly json: string } {
  const checked = flow.input.safeParse(input);
  if (!checked.success) {
    throw new InvalidInputError(
      flow.name,
      checked.error.issues.map(({ path, message }) => ({ path: path.map(String).join('.'), message })),
    );
  }
  const json = encodeJson(checked.data, `the input of flow "${flow.name}"`) ?? 'null';
  return { input: checked.data as Json, json };
}

function newRun(
  run: {
    readonly runId: string;
    readonly tenant: string;
    readonly flow: string;
    readonly version: number;
    readonly idempotencyKey: string;
  },
  input: Json,
  now: number,
): Run {
  const { runId: id, tenant, flow, version, idempotencyKey } = run;
  const at = { createdAt: now, updatedAt: now };
  return {
    id,
    tenant,
    flow,
    version,
    generation: 1,
    idempotencyKey,
    input,
    status: 'pending',
    steps: [],
    revision: 1,
    ...at,
  };
}

async function orUnavailable<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof CorruptRecordError) throw error;
    throw new StoreUnavailableError('redis did not take or answer the command', error);
  }
}
