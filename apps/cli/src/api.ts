import { OperatorError } from '@holdfast/app-kit';
import { z } from 'zod';
import type { Io } from './io.ts';
import { apiOf } from './system.ts';

const TIMEOUT_MS = 10_000;

const Problem = z.object({ code: z.string(), detail: z.string() });

const StepJson = z.looseObject({
  name: z.string(),
  status: z.string(),
  attempts: z.number(),
  error: z.looseObject({ code: z.string(), message: z.string() }).optional(),
});

/** A run as the API shows it, as far as it is used here; `--json` prints all of it. */
export const RunJson = z.looseObject({
  id: z.string(),
  flow: z.string(),
  version: z.number(),
  generation: z.number(),
  status: z.string(),
  updatedAt: z.string(),
  waitingFor: z.looseObject({ kind: z.string(), until: z.string().optional() }).optional(),
  error: z.looseObject({ code: z.string(), message: z.string(), step: z.string().optional() }).optional(),
  steps: z.array(StepJson),
});
export type RunJson = z.infer<typeof RunJson>;

/** What the API refused, with its own code and words. */
export class ApiError extends Error {
  constructor(
    readonly code: string,
    detail: string,
  ) {
    super(`${detail} (${code})`);
    this.name = 'ApiError';
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
  method: 'GET' | 'POST' | 'DELETE',
  path: string,
  body?: unknown,
): Promise<T> {
  const { url, key } = apiOf(io);
  const response = await send(`${url}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${key}`,
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const answer: unknown = await response.json().catch(() => undefined);
  if (response.ok) {
    const told = schema.safeParse(answer);
    if (told.success) return told.data;
  }
  const problem = Problem.safeParse(answer);
  if (problem.success) throw new ApiError(problem.data.code, problem.data.detail);
  throw new OperatorError(
    `${url} answered ${response.status} with something that is no answer of Holdfast's API.\nIs HOLDFAST_API_URL right?`,
  );
}

async function send(url: string, request: RequestInit): Promise<Response> {
  try {
    return await fetch(url, { ...request, signal: AbortSignal.timeout(TIMEOUT_MS) });
  } catch (error) {
    const reason =
      error instanceof Error ? ((error.cause as Error | undefined)?.message ?? error.message) : error;
    throw new OperatorError(
      `The API at ${new URL(url).origin} cannot be reached: ${reason}.\nIs it running, and is the address right?`,
    );
  }
}
