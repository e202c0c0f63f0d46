import { Readable } from 'node:stream';
import type { BulkProgress, BulkResult, Operations } from '@holdfast/operations';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { actorOf, principalOf } from '../plugins/authentication.ts';
import { readBody } from '../read-body.ts';

/** What `POST /v1/dead-letters/redrive` takes. */
export const BulkRedriveBody = z.strictObject({
  flow: z.string().min(1).max(100).optional().meta({ description: 'Only runs of this flow.' }),
  code: z.string().min(1).max(200).optional().meta({ description: 'Only runs whose `error.code` is this.' }),
  limit: z.int().min(1).max(10_000).default(1_000).meta({ description: 'So many runs at most.' }),
  ratePerSecond: z
    .number()
    .min(1)
    .max(1_000)
    .default(50)
    .meta({ description: 'So many a second at most: each of them has a provider to go to.' }),
  dryRun: z.boolean().default(false).meta({ description: 'Counts what fits, and does nothing.' }),
});

/** How far it came. */
export const BulkRedriveJson = z.strictObject({
  matched: z.int().min(0).meta({ description: 'Dead runs that fit and were reached.' }),
  redriven: z.int().min(0),
  skipped: z.int().min(0).meta({ description: 'No longer dead when their turn came.' }),
  more: z.boolean().meta({ description: 'Dead runs that fit are left. Send it again to go on.' }),
});

export interface BulkRedriveOptions {
  readonly operations: Operations;
  /** Aborted when the server is stopping. */
  readonly stopping: AbortSignal;
}

/** An answer that comes at its end comes in this time. */
const ANSWER_WITHIN_MS = 30_000;
const PROGRESS_EVERY_MS = 200;
const LINES = 'application/x-ndjson';

/** `POST /v1/dead-letters/redrive`: lets the dead runs that fit go on. It stops when nobody waits for its answer any more. */
export async function bulkRedriveRoutes(
  app: FastifyInstance,
  { operations, stopping }: BulkRedriveOptions,
): Promise<void> {
  app.post('/v1/dead-letters/redrive', { config: { access: 'operate' } }, async (request, reply) => {
    const which = readBody(BulkRedriveBody, request.body);
    const left = new AbortController();
    // one that has left already would not be heard any more
    if (reply.raw.destroyed) left.abort();
    reply.raw.once('close', () => left.abort());
    const redrive = (end: AbortSignal[], onProgress?: (progress: BulkProgress) => void) => {
      const signal = AbortSignal.any([left.signal, stopping, ...end]);
      return operations.bulkRedrive(
        actorOf(request),
        principalOf(request).tenant,
        given(which),
        onProgress,
        signal,
      );
    };
    reply.header('cache-control', 'no-store');
    if (!wantsLines(request)) return present(await redrive([AbortSignal.timeout(ANSWER_WITHIN_MS)]));
    const lines = progressLines((onProgress) => redrive([], onProgress));
    // what cannot begin is answered with a problem
    const first = await lines.next();
    return reply.type(LINES).send(Readable.from(startingWith(first, lines)));
  });
}

/** How far it is, now and then, and how it ended: with `more`. */
async function* progressLines(
  redrive: (onProgress: (progress: BulkProgress) => void) => Promise<BulkResult>,
): AsyncGenerator<string, void> {
  let reached: BulkProgress | undefined;
  const result = redrive((progress) => {
    reached = progress;
  });
  while (true) {
    const ended = await Promise.race([result, pause()]);
    if (ended) {
      yield `${JSON.stringify(present(ended))}\n`;
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

function present({ matched, redriven, skipped, more }: BulkResult): z.infer<typeof BulkRedriveJson> {
  return { matched, redriven, skipped, more };
}

function wantsLines({ headers }: FastifyRequest): boolean {
  return headers.accept?.split(',').some((type) => type.trim().startsWith(LINES)) === true;
}

/** Without the members that were left out. */
function given({ flow, code, ...rest }: z.infer<typeof BulkRedriveBody>) {
  return { ...rest, ...(flow !== undefined && { flow }), ...(code !== undefined && { code }) };
}
