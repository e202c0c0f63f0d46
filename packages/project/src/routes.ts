import type { Places } from '@holdfast/app-kit';
import type { Client } from '@holdfast/engine';
import type { FastifyInstance } from 'fastify';

/** Routes of a project's own, beside `POST /v1/flows/{flow}/runs`. */
export interface Routes {
  /** What they are in the OpenAPI document, by path. */
  readonly paths: Readonly<Record<string, object>>;
  /** What `paths` refers to under `#/components/schemas`. */
  readonly schemas?: Readonly<Record<string, object>>;
  /** For the OpenAPI document, by flow. */
  readonly examples?: Readonly<Record<string, SubmitExamples>>;
  /** The routes that take a flow's input as `POST /v1/flows/{flow}/runs` does: the same request by either is the same. */
  readonly acceptedAt?: Readonly<Record<string, string>>;
  /** Flows whose runs are accepted by these routes alone, and where that is. */
  readonly acceptedThereAlone?: Readonly<Record<string, string>>;
  register(app: FastifyInstance, options: AcceptOptions): Promise<void>;
}

/** What a submission looks like, and the runs that come of it. */
export interface SubmitExamples {
  readonly body: object;
  readonly pending: { readonly idempotencyKey: string };
  readonly completed: object;
  readonly failed: object;
}

/** What routes need to accept runs. */
export interface AcceptOptions {
  readonly client: Client;
  /** Aborted when the server is stopping. */
  readonly stopping: AbortSignal;
  /** Equal for two requests that are the same: of the same flow, with the same input as canonical JSON. */
  readonly fingerprint: (flow: string, input: unknown) => string;
  /** For requests that wait for the end of their run; who finds none is answered at once. */
  readonly waits: Places;
}
