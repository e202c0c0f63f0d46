import type { Client, FlowContract, Json, Resolution, Run } from '@holdfast/engine';
import { reopenProvider, type SharedStore } from '@holdfast/http';
import type { Operations } from '@holdfast/operations';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { z } from 'zod';
import type { BulkRedrives } from '../bulk-redrives.ts';
import { resultOf } from '../pages/result-fields.ts';
import type { Said } from '../pages/said.ts';
import { actorOf } from '../plugins/login.ts';
import { DashboardProblem, storeUnavailable } from '../problems.ts';
import { contractOf, runOf } from './run.ts';

export interface ActRoutesOptions {
  readonly client: Client;
  readonly operations: Operations;
  readonly redrives: BulkRedrives;
  /** Of every version that a run may be at. */
  readonly contracts: readonly FlowContract[];
  readonly providers: SharedStore;
}

interface OnRun {
  Params: { id: string };
}

/** With the fields of a result, which are those of the step. */
const Resolve = z
  .object({
    step: z.string().min(1).max(500),
    outcome: z.enum(['happened', 'did_not_happen', 'undone', 'not_undone']),
    result: z.string().optional(),
  })
  .catchall(z.string().max(2_000));

const text = z.string().max(300);
const number = (max: number) =>
  z
    .string()
    .regex(/^\d{1,6}$/)
    .transform(Number)
    .pipe(z.number().min(1).max(max));
const BulkOrder = z.strictObject({
  tenant: text.min(1),
  flow: text.optional(),
  code: text.optional(),
  limit: number(100_000),
  ratePerSecond: number(1_000),
});

const Reopen = z.strictObject({ provider: text.min(1) });

/** What the forms of the pages do. Each leads back to where it came from, with what became of it. */
export async function actRoutes(
  app: FastifyInstance,
  { client, operations, redrives, contracts, providers }: ActRoutesOptions,
): Promise<void> {
  const back = (reply: FastifyReply, run: Run, said: Said | undefined) =>
    reply.redirect(`/runs/${run.id}${said ? `?said=${said}` : ''}`, 303);

  app.post<OnRun>('/runs/:id/redrive', async (request, reply) => {
    const run = await runOf(client, request.params.id);
    return back(reply, run, await operations.redrive(actorOf(request), run.tenant, run.id));
  });

  app.post<OnRun>('/runs/:id/cancel', async (request, reply) => {
    const run = await runOf(client, request.params.id);
    return back(reply, run, await operations.cancel(actorOf(request), run.tenant, run.id));
  });

  app.post<OnRun>('/runs/:id/rerun', async (request, reply) => {
    const run = await runOf(client, request.params.id);
    return back(reply, run, await operations.rerun(actorOf(request), run.tenant, run.id));
  });

  app.post<OnRun>('/runs/:id/resolve', async (request, reply) => {
    const run = await runOf(client, request.params.id);
    const form = read(Resolve, request.body);
    const fields = resultOf(contractOf(contracts, run), form.step, form);
    const resolution = resolutionOf(form, fields);
    if (!resolution) throw resultInvalid('it is not JSON');
    const resolved = await operations.resolve(actorOf(request), run.tenant, run.id, resolution);
    if (resolved?.outcome !== 'result_invalid') return back(reply, run, resolved?.outcome);
    throw resultInvalid(resolved.faults.map(({ path, message }) => `${path}: ${message}`).join('; '));
  });

  app.post('/providers/reopen', async (request, reply) => {
    const { provider } = read(Reopen, request.body);
    const opened = await operations.reopenProvider(actorOf(request), provider, () =>
      reopenProvider(providers, provider).catch(() => {
        throw storeUnavailable();
      }),
    );
    if (!opened)
      throw new DashboardProblem(
        404,
        'page_not_found',
        'No provider of this name was called in the last week.',
      );
    return reply.redirect('/?said=reopened', 303);
  });

  app.post('/dead-letters/redrive', async (request, reply) => {
    const { tenant, flow, code, limit, ratePerSecond } = read(BulkOrder, request.body);
    const end = redrives.start(actorOf(request), {
      ...{ tenant, limit, ratePerSecond },
      ...(flow && { flow }),
      ...(code && { code }),
    });
    if (!end) throw new DashboardProblem(429, 'too_many_redrives', 'Wait until one of them has finished.');
    // it goes on by itself; how it ended is shown, and logged, by who keeps it
    end.catch(() => {});
    return reply.redirect('/?said=redriving', 303);
  });
}

function read<T>(form: z.ZodType<T>, body: unknown): T {
  const parsed = form.safeParse(body);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map(
    ({ path, message }) => `${path.join('.') || 'the form'}: ${message}`,
  );
  throw new DashboardProblem(400, 'bad_request', `The form could not be read: ${faults.join('; ')}.`);
}

function resultInvalid(why: string): DashboardProblem {
  return new DashboardProblem(
    422,
    'result_invalid',
    `The result was refused: ${why}. Nothing was changed. Go back, fix it and send it again.`,
  );
}

/** @returns undefined when the result is no JSON */
function resolutionOf(
  { step, outcome, result }: z.infer<typeof Resolve>,
  fields: Json | undefined,
): Resolution | undefined {
  if (outcome !== 'happened') return { step, outcome };
  if (result === undefined || result.trim() === '')
    return { step, outcome, ...(fields !== undefined && { result: fields }) };
  try {
    return { step, outcome, result: z.json().parse(JSON.parse(result)) };
  } catch {
    return undefined;
  }
}
