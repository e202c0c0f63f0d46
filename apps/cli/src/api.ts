import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { OperatorError } from '@holdfast/app-kit';
import { z } from 'zod';
import type { Io } from './io.ts';
import { apiOf } from './system.ts';

const TIMEOUT_MS = 10_000;

const Problem = z.object({
  code: z.string(),
  detail: z.string(),
  errors: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
});

/** What to do about what is refused whatever was asked. */
const ADVICE: Readonly<Record<string, string>> = {
  api_key_invalid: 'Set HOLDFAST_API_KEY to a valid key. `holdfast keys list` shows the keys of a tenant.',
  run_not_found: '`holdfast runs list` shows the runs of your tenant. Runs expire some time after they end.',
  run_not_finished: 'Redrive a dead run, or discard it: `holdfast dead-letters --help`.',
  key_not_found: '`holdfast keys list` shows the keys. Give the id of a key, not its name.',
  schedule_not_found: 'holdfast schedules list shows those there are.',
  schedule_from_config: 'It can be paused, resumed and triggered.',
  flow_unknown: 'holdfast flows list shows those there are.',
  webhook_endpoint_not_found: 'holdfast webhooks list shows the endpoints of your key.',
  webhook_delivery_not_found: 'holdfast webhooks deliveries <endpoint> shows those that are kept.',
  state_not_found: 'holdfast state list shows those there are.',
  scope_missing: 'Set HOLDFAST_API_KEY to a key with that scope, or create one with `holdfast keys create`.',
  store_unavailable:
    'Redis is unreachable or refuses writes. Try again in a moment; `holdfast doctor` shows the state of Redis.',
};

const StepJson = z.looseObject({
  name: z.string(),
  status: z.string(),
  attempts: z.number(),
  error: z.looseObject({ code: z.string(), message: z.string() }).optional(),
  inDoubt: z
    .looseObject({
      ...{ idempotencyKey: z.string(), reference: z.string(), undo: z.literal(true).optional() },
      onRedrive: z.string().optional(),
      resultSchema: z.looseObject({ properties: z.record(z.string(), z.unknown()).optional() }).optional(),
    })
    .optional(),
});

/** A run as the API shows it, as far as it is used here; `--json` prints all of it. */
export const RunJson = z.looseObject({
  id: z.string(),
  flow: z.string(),
  version: z.number(),
  generation: z.number(),
  status: z.string(),
  updatedAt: z.string(),
  undoing: z.literal(true).optional(),
  cancelRequested: z.literal(true).optional(),
  endsAs: z.string().optional(),
  waitingFor: z.looseObject({ kind: z.string(), until: z.string().optional() }).optional(),
  error: z
    .looseObject({
      ...{ code: z.string(), message: z.string() },
      ...{ step: z.string().optional(), kind: z.string().optional() },
    })
    .optional(),
  steps: z.array(StepJson),
});
export type RunJson = z.infer<typeof RunJson>;

/** What the API refused, with its own code and words. */
export class ApiError extends Error {
  readonly code: string;

  constructor({ code, detail, errors = [] }: z.infer<typeof Problem>) {
    const faults = errors.map(({ path, message }) => (path ? `${path}: ${message}` : message)).join('; ');
    super([`${detail} (${code})`, faults, ADVICE[code] ?? ''].filter((line) => line !== '').join('\n'));
    this.name = 'ApiError';
    this.code = code;
  }
}

/**
 * Asks the API for, or to do something with, a run.
 * @param body left out where the route needs none
 * @throws ApiError for what it refuses; OperatorError when it cannot be reached
 */
export function askApi(io: Io, method: 'GET' | 'POST', path: string, body?: unknown): Promise<RunJson> {
  return askFor(RunJson, io, method, path, body);
}

/** Asks the API for anything else. @throws like askApi */
export async function askFor<T>(
  schema: z.ZodType<T>,
  io: Io,
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE',
  path: string,
  body?: unknown,
  onHeaders: (headers: Headers) => void = () => {},
  headers: Readonly<Record<string, string>> = {},
): Promise<T> {
  const response = await send(io, method, path, body, undefined, headers);
  onHeaders(response.headers);
  const answer: unknown = await response.json().catch(() => undefined);
  if (response.ok) {
    const told = schema.safeParse(answer);
    if (told.success) return told.data;
  }
  throw refusal(io, response, answer);
}

/**
 * Asks for something that takes its time, and hears in lines of JSON how far it is.
 * @returns the last line
 * @throws like askApi, and OperatorError when the connection is lost before the last line
 */
export async function askInLines<L, E>(
  io: Io,
  path: string,
  body: unknown,
  { line, last, onLine }: { line: z.ZodType<L>; last: z.ZodType<E>; onLine: (line: L) => void },
): Promise<E> {
  const response = await send(io, 'POST', path, body, 'application/x-ndjson');
  if (!response.ok || !response.body)
    throw refusal(io, response, await response.json().catch(() => undefined));
  try {
    for await (const text of createInterface({ input: Readable.fromWeb(response.body) })) {
      const told: unknown = JSON.parse(text);
      const end = last.safeParse(told);
      if (end.success) return end.data;
      onLine(line.parse(told));
    }
  } catch (error) {
    throw lost(error);
  }
  throw lost(new Error('the response was cut off'));
}

function lost(error: unknown): OperatorError {
  const reason = error instanceof Error ? error.message : String(error);
  return new OperatorError(
    `The connection to the API was lost: ${reason}.\nWhat was done stays done. Run it again to continue.`,
  );
}

function refusal(io: Io, response: Response, answer: unknown): Error {
  const problem = Problem.safeParse(answer);
  if (problem.success) return new ApiError(problem.data);
  return new OperatorError(
    `${apiOf(io).url} answered ${response.status} with something that is not a Holdfast response.\nCheck HOLDFAST_API_URL.`,
  );
}

/** @param lines the type of an answer that may take any time */
async function send(
  io: Io,
  method: string,
  path: string,
  body: unknown,
  lines?: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<Response> {
  const { url, key } = apiOf(io);
  try {
    return await fetch(`${url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${key}`,
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...(lines !== undefined && { accept: lines }),
        ...headers,
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      ...(lines === undefined && { signal: AbortSignal.timeout(TIMEOUT_MS) }),
    });
  } catch (error) {
    const reason =
      error instanceof Error ? ((error.cause as Error | undefined)?.message ?? error.message) : error;
    throw new OperatorError(
      `The API at ${new URL(url).origin} is unreachable: ${reason}.\nCheck that it is running and that the address is right.`,
    );
  }
}
