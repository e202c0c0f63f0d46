import { Readable } from 'node:stream';
import type { BulkEnd, BulkReached, BulkSteer, Operations } from '@holdfast/operations';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { actorOf, principalOf } from '../plugins/authentication.ts';
import { readBody } from '../read-body.ts';
import { moment } from '../read-query.ts';
import { tagFilter } from './lists.ts';

const which = {
  flow: z.string().min(1).max(100).optional().meta({ description: 'Only runs of this flow.' }),
  code: z.string().min(1).max(200).optional().meta({ description: 'Only runs whose `error.code` is this.' }),
};

const pace = {
  limit: z.int().min(1).max(10_000).default(1_000).meta({ description: 'At most this many runs.' }),
  ratePerSecond: z
    .number()
    .min(1)
    .max(1_000)
    .default(50)
    .meta({ description: 'Runs per second, at most. Each run calls a provider.' }),
  dryRun: z.boolean().default(false).meta({ description: 'Counts the matching runs and changes nothing.' }),
};

/** What `POST /v1/dead-letters/redrive` takes. */
export const BulkRedriveBody = z.strictObject({ ...which, ...pace });

const among = {
  ...which,
  tag: tagFilter.optional().meta({ description: 'Only runs with this tag, as `name:value`.' }),
  since: moment.optional().meta({ description: 'Only runs created at this time or later.' }),
  until: moment.optional().meta({ description: 'Only runs created before this time.' }),
};

/** What `POST /v1/runs/cancel` takes. */
export const BulkCancelBody = z.strictObject({
  ...among,
  status: z
    .enum(['pending', 'running', 'suspended', 'compensating', 'dead'])
    .optional()
    .meta({ description: 'Default: every status except dead.' }),
  ...pace,
});

/** What `POST /v1/runs/rerun` takes. */
export const BulkRerunBody = z.strictObject({
  ...among,
  status: z.enum(['completed', 'failed', 'cancelled']).optional().meta({
    description: 'Default: failed and cancelled. Rerunning completed runs repeats all their effects.',
  }),
  ...pace,
});

const counts = {
  matched: z.int().min(0).meta({ description: 'Matching runs that were reached.' }),
  skipped: z.int().min(0).meta({ description: 'Runs whose status changed before their turn.' }),
  more: z.boolean().meta({ description: 'More matching runs are left. Send the request again to continue.' }),
};

/** How far each came. */
export const BulkRedriveJson = z.strictObject({ ...counts, redriven: z.int().min(0) });
export const BulkCancelJson = z.strictObject({ ...counts, cancelling: z.int().min(0) });
export const BulkRerunJson = z.strictObject({ ...counts, rerun: z.int().min(0) });

export interface BulkOptions {
  readonly operations: Operations;
  /** Aborted when the server is stopping. */
  readonly stopping: AbortSignal;
}

/** An answer that comes at its end comes in this time. */
const ANSWER_WITHIN_MS = 30_000;
const PROGRESS_EVERY_MS = 200;
const LINES = 'application/x-ndjson';

type Progress = { readonly [count: string]: number };
type End = Progress & { readonly more: boolean };
type Work = (
  signal: AbortSignal,
  onProgress: (progress: Progress) => void,
) => Promise<{ readonly [count: string]: number | boolean }>;

/**
 * `POST /v1/dead-letters/redrive`, `/v1/runs/cancel` and `/v1/runs/rerun`: the same with many runs. Each stops when nobody waits for its
 * answer any more.
 */
export async function bulkRoutes(app: FastifyInstance, { operations, stopping }: BulkOptions): Promise<void> {
  const route = { config: { access: 'operate' } } as const;

  app.post('/v1/dead-letters/redrive', route, async (request, reply) => {
    const asked = given(readBody(BulkRedriveBody, request.body));
    return answer(request, reply, stopping, async (signal, onProgress) => {
      const { tenant } = principalOf(request);
      const told = (progress: object) => onProgress({ ...progress } as Progress);
      const { matched, redriven, skipped, more } = await operations.bulkRedrive(
        actorOf(request),
        tenant,
        asked,
        told,
        signal,
      );
      return { matched, redriven, skipped, more };
    });
  });

  app.post('/v1/runs/cancel', route, async (request, reply) => {
    const asked = steered(readBody(BulkCancelBody, request.body));
    return answer(request, reply, stopping, steer(request, asked, operations.bulkCancel, 'cancelling'));
  });

  app.post('/v1/runs/rerun', route, async (request, reply) => {
    const asked = steered(readBody(BulkRerunBody, request.body));
    return answer(request, reply, stopping, steer(request, asked, operations.bulkRerun, 'rerun'));
  });
}

/** @param done what the count of those that were steered is called */
function steer(request: FastifyRequest, asked: BulkSteer, act: Operations['bulkCancel'], done: string): Work {
  const named = ({ done: count, matched, skipped }: BulkReached) => ({ matched, [done]: count, skipped });
  return async (signal, onProgress) => {
    const { tenant } = principalOf(request);
    const told = (reached: BulkReached) => onProgress(named(reached));
    const end: BulkEnd = await act({
      actor: actorOf(request),
      tenant,
      which: asked,
      onProgress: told,
      signal,
    });
    return { ...named(end), more: end.more };
  };
}

/** At its end, or in lines of how far it is. */
async function answer(request: FastifyRequest, reply: FastifyReply, stopping: AbortSignal, work: Work) {
  const left = new AbortController();
  // one that has left already would not be heard any more
  if (reply.raw.destroyed) left.abort();
  reply.raw.once('close', () => left.abort());
  reply.header('cache-control', 'no-store');
  const until = AbortSignal.any([left.signal, stopping]);
  if (!wantsLines(request))
    return work(AbortSignal.any([until, AbortSignal.timeout(ANSWER_WITHIN_MS)]), () => {});
  const lines = progressLines((onProgress) => work(until, onProgress) as Promise<End>);
  // what cannot begin is answered with a problem
  const first = await lines.next();
  return reply.type(LINES).send(Readable.from(startingWith(first, lines)));
}

/** How far it is, now and then, and how it ended: with `more`. */
async function* progressLines(
  work: (onProgress: (progress: Progress) => void) => Promise<End>,
): AsyncGenerator<string, void> {
  let reached: Progress | undefined;
  const result = work((progress) => {
    reached = progress;
  });
  while (true) {
    const ended = await Promise.race([result, pause()]);
    if (ended) {
      yield `${JSON.stringify(ended)}\n`;
      return;
    }
    if (reached) yield `${JSON.stringify(reached)}\n`;
  }
}

async function* startingWith<T>(
  first: IteratorResult<T, void>,
  rest: AsyncGenerator<T, void>,
): AsyncGenerator<T, void> {
  if (first.done) return;
  yield first.value;
  yield* rest;
}

function pause(): Promise<undefined> {
  return new Promise((resolve) => setTimeout(resolve, PROGRESS_EVERY_MS, undefined));
}

function wantsLines({ headers }: FastifyRequest): boolean {
  return headers.accept?.split(',').some((type) => type.trim().startsWith(LINES)) === true;
}

function steered({
  until: before,
  ...asked
}: z.infer<typeof BulkCancelBody> | z.infer<typeof BulkRerunBody>): BulkSteer {
  return given({ ...asked, before });
}

/** Without the members that were left out. */
function given<T extends object>(asked: T): { [M in keyof T]: Exclude<T[M], undefined> } {
  const entries = Object.entries(asked).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [M in keyof T]: Exclude<T[M], undefined> };
}
