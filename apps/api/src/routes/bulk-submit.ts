import { isTerminal } from '@holdfast/engine';
import { presentRunTo, RunJson } from '@holdfast/run-view';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { checkIdempotencyKey } from '../idempotency-key.ts';
import { principalOf } from '../plugins/authentication.ts';
import { toProblemError } from '../plugins/problems.ts';
import { describeProblem } from '../problems.ts';
import { readBody } from '../read-body.ts';
import { moment } from '../read-query.ts';
import { keyReused } from './accept.ts';
import { assertSubmittable, type SubmitOptions } from './submit.ts';

const MAX_SUBMISSIONS = 100;
const MAX_BULK_BYTES = 4 * 1024 * 1024;
const MAX_BULK_VALUES = 200_000;
/** Submissions of one request that are on their way at once. */
const AT_ONCE = 20;

/** What `POST /v1/runs/bulk` takes. */
export const BulkSubmitBody = z.strictObject({
  runs: z
    .array(
      z.strictObject({
        flow: z.string().min(1).max(100),
        idempotencyKey: z.string(),
        input: z.unknown().meta({ description: "The flow's input." }),
        tags: z
          .record(z.string(), z.string())
          .optional()
          .meta({ description: 'As `Holdfast-Tags`, by name.' }),
        startAt: moment.optional().meta({ description: 'As `Holdfast-Start-At`.' }),
        priority: z.int().min(0).max(9).optional().meta({ description: 'As `Holdfast-Priority`.' }),
      }),
    )
    .min(1)
    .max(MAX_SUBMISSIONS),
});

type Submission = z.infer<typeof BulkSubmitBody>['runs'][number];

/** In the order of the submissions. */
export const BulkSubmitJson = z.strictObject({
  results: z.array(
    z.strictObject({
      status: z.int().meta({ description: 'The status that the submission would have had by itself.' }),
      run: RunJson.optional(),
      problem: z.unknown().optional().meta({ description: 'Problem details, if it was not accepted.' }),
    }),
  ),
});

/** `POST /v1/runs/bulk`: accepts up to 100 runs, each with its own key and answer. */
export async function bulkSubmitRoutes(
  app: FastifyInstance,
  { client, elsewhere, fingerprint }: SubmitOptions,
): Promise<void> {
  app.post(
    '/v1/runs/bulk',
    { bodyLimit: MAX_BULK_BYTES, config: { access: 'submit', maxValues: MAX_BULK_VALUES } },
    async (request) => {
      const { runs } = readBody(BulkSubmitBody, request.body);
      const { tenant, scopes } = principalOf(request);

      const answer = async (submission: Submission) => {
        try {
          return await accept(submission);
        } catch (error) {
          const known = toProblemError(error, request);
          const problem = describeProblem(known, request.id);
          if (problem.status >= 500) request.log.warn({ err: error }, problem.code);
          return { status: problem.status, problem };
        }
      };
      const accept = async ({ flow, idempotencyKey, input, tags, startAt, priority }: Submission) => {
        assertSubmittable(elsewhere, flow);
        const submitted = await client.submit({
          ...{ flow, input, tenant, idempotencyKey: checkIdempotencyKey(idempotencyKey) },
          ...(tags && { tags }),
          ...(startAt !== undefined && { startAt }),
          ...(priority !== undefined && { priority }),
          fingerprint: fingerprint(flow, input),
        });
        if (submitted.outcome === 'key_reused') throw keyReused(submitted.runId);
        const { run } = submitted;
        return { status: isTerminal(run.status) ? 200 : 202, run: presentRunTo(scopes, run) };
      };

      const results: Awaited<ReturnType<typeof answer>>[] = [];
      for (let i = 0; i < runs.length; i += AT_ONCE)
        results.push(...(await Promise.all(runs.slice(i, i + AT_ONCE).map(answer))));
      return { results } satisfies z.infer<typeof BulkSubmitJson>;
    },
  );
}
