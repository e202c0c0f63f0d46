import {
  type Client,
  fireTimeText,
  InvalidScheduleError,
  type Json,
  type NewSchedule,
  OVERLAPS,
  type Schedule,
  type ScheduleDefinition,
  type Schedules,
  type ScheduleWithTimes,
} from '@holdfast/engine';
import type { AuditedChange, Operations } from '@holdfast/operations';
import { iso, presentRunTo, time } from '@holdfast/run-view';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { actorOf, principalOf } from '../plugins/authentication.ts';
import { ProblemError } from '../problems.ts';
import { expectNoBody, readBody } from '../read-body.ts';
import { page, readQuery } from '../read-query.ts';

interface ScheduleParams {
  Params: { name: string };
}

export interface ScheduleRoutesOptions {
  readonly client: Client;
  readonly schedules: Schedules;
  readonly operations: Operations;
}

/** What `GET /v1/schedules` takes. */
export const SchedulesQuery = z.strictObject({ ...page });

const definition = {
  cron: z.string().max(200).meta({
    description: 'Five fields: minute, hour, day of the month, month, day of the week.',
    example: '0 9 * * 1-5',
  }),
  timezone: z
    .string()
    .max(100)
    .optional()
    .meta({ description: 'IANA. Default `UTC`.', example: 'Europe/Paris' }),
  flow: z.string().max(64),
  input: z.unknown().refine((input) => input !== undefined, 'is missing'),
  overlap: z.enum(OVERLAPS).optional().meta({
    description:
      'While the run before goes on: `skip` the fire time, `queue` the next run until then (default), or `cancel` the old one and start the new one once it has ended.',
  }),
  catchUp: z.string().max(20).optional().meta({
    description:
      'How old a missed fire time may be that is made up for, such as `1h`, at most 7 days; `none` (default): a minute.',
  }),
};

/** What `POST /v1/schedules` takes. */
export const NewScheduleBody = z.strictObject({
  name: z.string().max(64).meta({ description: '1 to 64 lower-case letters, digits or "-".' }),
  ...definition,
});

/** What `PATCH /v1/schedules/{name}` takes. */
export const ScheduleChangeBody = z.strictObject({
  ...definition,
  cron: definition.cron.optional(),
  flow: definition.flow.optional(),
  input: z.unknown().optional(),
});

const fireTime = z.string().meta({ format: 'date-time', example: '2026-01-31T09:00:00Z' });

/** A schedule as the API shows it. */
export const ScheduleJson = z.strictObject({
  name: z.string(),
  cron: z.string(),
  timezone: z.string(),
  flow: z.string(),
  input: z.unknown(),
  overlap: z.enum(OVERLAPS),
  catchUp: z.string(),
  status: z.enum(['active', 'paused']),
  nextRunAt: fireTime.optional().meta({ description: 'Absent while it is paused.' }),
  lastRunAt: fireTime.optional().meta({ description: 'The last fire time that became a run.' }),
  upcoming: z.array(fireTime).optional().meta({ description: 'Of one schedule: its next five fire times.' }),
  fromConfig: z.literal(true).optional().meta({ description: "It is in the project's config." }),
  createdAt: time,
});
export type ScheduleJson = z.infer<typeof ScheduleJson>;

export const ScheduleListJson = z.strictObject({
  data: z.array(ScheduleJson),
  nextCursor: z.string().optional(),
});

/** `/v1/schedules`: runs that are submitted when their time comes. */
export async function scheduleRoutes(
  app: FastifyInstance,
  { client, schedules, operations }: ScheduleRoutesOptions,
): Promise<void> {
  const see = { config: { access: 'read' as const } };
  const operate = { config: { access: 'operate' as const } };
  const withoutBody = { config: { ...operate.config, body: 'none' as const } };
  const tenantOf = (request: FastifyRequest) => principalOf(request).tenant;

  /** Does something with a schedule, and notes it. */
  const acting = async <T>(
    request: FastifyRequest,
    name: string,
    action: AuditedChange,
    act: () => Promise<T>,
    outcomeOf: (done: T) => string | undefined,
  ): Promise<T> => {
    let done: T | undefined;
    try {
      await operations.changeNamed(actorOf(request), tenantOf(request), action, name, async () => {
        done = await act();
        const outcome = outcomeOf(done);
        return outcome === undefined ? undefined : { outcome };
      });
    } catch (error) {
      if (!(error instanceof InvalidScheduleError)) throw error;
      throw new ProblemError('validation_failed', 'The schedule is not valid.', {
        members: { errors: error.faults },
      });
    }
    return done as T;
  };

  app.post('/v1/schedules', operate, async (request, reply) => {
    const body = readBody(NewScheduleBody, request.body) as unknown as NewSchedule;
    const created = await acting(
      request,
      body.name,
      'create_schedule',
      () => schedules.create(tenantOf(request), withoutUndefined(body)),
      (done) => (done === 'exists' ? undefined : 'created'),
    );
    if (created === 'exists')
      throw new ProblemError('schedule_exists', `There is a schedule "${body.name}" already.`);
    return reply.code(201).header('location', `/v1/schedules/${created.name}`).send(present(created));
  });

  app.get('/v1/schedules', see, async (request, reply) => {
    const { cursor, limit } = readQuery(SchedulesQuery, request.query);
    const found = await schedules.list(tenantOf(request), {
      limit,
      ...(cursor !== undefined && { cursor }),
    });
    reply.header('cache-control', 'private, no-store');
    return {
      data: found.schedules.map(present),
      ...(found.nextCursor !== undefined && { nextCursor: found.nextCursor }),
    } satisfies z.infer<typeof ScheduleListJson>;
  });

  app.get<ScheduleParams>('/v1/schedules/:name', see, async (request, reply) => {
    reply.header('cache-control', 'private, no-store');
    return present(known(await schedules.get(tenantOf(request), request.params.name)));
  });

  app.patch<ScheduleParams>('/v1/schedules/:name', operate, async (request) => {
    const { name } = request.params;
    const change = readBody(ScheduleChangeBody, request.body);
    const changed = await acting(
      request,
      name,
      'change_schedule',
      () =>
        schedules.change(tenantOf(request), name, withoutUndefined(change) as Partial<ScheduleDefinition>),
      (done) => (typeof done === 'object' ? 'changed' : undefined),
    );
    if (changed === 'from_config') throw fromConfig();
    return present(known(changed));
  });

  app.delete<ScheduleParams>('/v1/schedules/:name', operate, async (request, reply) => {
    const { name } = request.params;
    const removed = await acting(
      request,
      name,
      'delete_schedule',
      () => schedules.remove(tenantOf(request), name),
      (done) => (done === 'deleted' ? done : undefined),
    );
    if (removed === 'from_config') throw fromConfig();
    known(removed);
    return reply.code(204).send();
  });

  for (const [what, action, outcome] of [
    ['pause', 'pause_schedule', 'paused'],
    ['resume', 'resume_schedule', 'resumed'],
  ] as const) {
    app.post<ScheduleParams>(`/v1/schedules/:name/${what}`, withoutBody, async (request) => {
      expectNoBody(request.body);
      const { name } = request.params;
      const act = () => schedules[what](tenantOf(request), name);
      return present(known(await acting(request, name, action, act, (done) => done && outcome)));
    });
  }

  app.post<ScheduleParams>('/v1/schedules/:name/trigger', withoutBody, async (request, reply) => {
    expectNoBody(request.body);
    const { name } = request.params;
    const act = () => schedules.trigger(tenantOf(request), name);
    const run = known(await acting(request, name, 'trigger_schedule', act, (done) => done && 'triggered'));
    request.runId = run.id;
    const { tenant, scopes } = principalOf(request);
    const now = (await client.getRun(tenant, run.id)) ?? run;
    return reply.code(202).header('location', `/v1/runs/${run.id}`).send(presentRunTo(scopes, now));
  });
}

function withoutUndefined<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as T;
}

function known<T>(found: T | undefined): T {
  if (found === undefined) throw new ProblemError('schedule_not_found', 'There is no schedule of this name.');
  return found;
}

function fromConfig(): ProblemError {
  return new ProblemError('schedule_from_config', "This schedule is in the project's config.");
}

function present(schedule: Schedule & Partial<ScheduleWithTimes>): ScheduleJson {
  const { name, cron, timezone, flow, input, overlap, catchUp, status } = schedule;
  const { nextRunAt, lastRunAt, upcoming, createdAt, fromConfig: isFromConfig } = schedule;
  return {
    ...{ name, cron, timezone, flow, input: input as Json, overlap, catchUp: String(catchUp), status },
    ...(nextRunAt !== undefined && { nextRunAt: fireTimeText(nextRunAt) }),
    ...(lastRunAt !== undefined && { lastRunAt: fireTimeText(lastRunAt) }),
    ...(upcoming && { upcoming: upcoming.map(fireTimeText) }),
    ...(isFromConfig && { fromConfig: true as const }),
    createdAt: iso(createdAt),
  };
}
