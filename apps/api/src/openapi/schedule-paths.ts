import type { ProblemCode } from '../problems.ts';
import { SchedulesQuery } from '../routes/schedules.ts';
import { PENDING_RUN_EXAMPLE } from './examples.ts';
import { jsonContent } from './json-content.ts';
import { problemResponses } from './problem-responses.ts';
import { queryParameters } from './query-parameters.ts';
import { runContent } from './run-content.ts';

const ALWAYS = [
  'request_malformed',
  'api_key_missing',
  'api_key_invalid',
  'not_authenticated',
  'rate_limited',
  'scope_missing',
  'request_timeout',
  'headers_too_large',
  'internal_error',
  'store_unavailable',
] as const satisfies readonly ProblemCode[];
const BODY = [
  'body_missing',
  'body_malformed',
  'ambiguous_json',
  'body_too_large',
  'media_type_unsupported',
  'validation_failed',
] as const satisfies readonly ProblemCode[];
const WANTED = {
  name: 'nightly',
  cron: '0 3 * * *',
  timezone: 'Europe/Paris',
  flow: 'report',
  input: { days: 1 },
  overlap: 'queue',
  catchUp: '1h',
};
const SCHEDULE = {
  ...WANTED,
  status: 'active',
  nextRunAt: '2026-03-03T02:00:00Z',
  createdAt: '2026-03-02T03:12:00.000Z',
};

const NAME = { name: 'name', in: 'path', required: true, schema: { type: 'string' }, example: 'nightly' };
const tags = ['Schedules'];

/** Runs that are submitted when their time comes. */
export function schedulePaths(): Record<string, object> {
  const one = (description: string) => ({
    description,
    content: jsonContent('Schedule', { schedule: SCHEDULE }),
  });
  const steered = (operationId: string, summary: string, description: string) => ({
    post: {
      ...{ operationId, tags, summary, description, parameters: [NAME] },
      responses: {
        '200': one('The schedule as it stands.'),
        ...problemResponses('schedule_not_found', ...BODY, ...ALWAYS),
      },
    },
  });
  return {
    '/v1/schedules': {
      get: {
        ...{ operationId: 'listSchedules', tags, summary: 'List the schedules' },
        description: 'In the order of their names. Needs the scope `read`.',
        parameters: queryParameters(SchedulesQuery),
        responses: {
          '200': {
            description: 'A page.',
            content: jsonContent('ScheduleList', { page: { data: [SCHEDULE] } }),
          },
          ...problemResponses('query_invalid', 'cursor_invalid', ...ALWAYS),
        },
      },
      post: {
        ...{ operationId: 'createSchedule', tags, summary: 'Create a schedule' },
        description:
          'Each fire time becomes one run, under the Idempotency-Key `schedule:<name>:<fire time in UTC>`. Needs the scope `operate`.',
        requestBody: { required: true, content: jsonContent('NewSchedule', { nightly: WANTED }) },
        responses: {
          '201': one('The schedule.'),
          ...problemResponses('schedule_exists', ...BODY, ...ALWAYS),
        },
      },
    },
    '/v1/schedules/{name}': {
      get: {
        ...{ operationId: 'readSchedule', tags, summary: 'Read a schedule, with its next five fire times' },
        description: 'Needs the scope `read`.',
        parameters: [NAME],
        responses: {
          '200': {
            description: 'The schedule.',
            content: jsonContent('Schedule', {
              schedule: { ...SCHEDULE, upcoming: ['2026-03-03T02:00:00Z', '2026-03-04T02:00:00Z'] },
            }),
          },
          ...problemResponses('schedule_not_found', ...ALWAYS),
        },
      },
      patch: {
        ...{ operationId: 'changeSchedule', tags, summary: 'Change a schedule' },
        description: 'Its fire times go on from now. Needs the scope `operate`.',
        parameters: [NAME],
        requestBody: {
          required: true,
          content: jsonContent('ScheduleChange', { later: { cron: '0 5 * * *' } }),
        },
        responses: {
          '200': one('The schedule as it stands.'),
          ...problemResponses('schedule_not_found', 'schedule_from_config', ...BODY, ...ALWAYS),
        },
      },
      delete: {
        ...{ operationId: 'deleteSchedule', tags, summary: 'Delete a schedule' },
        description: 'Its runs go on. Needs the scope `operate`.',
        parameters: [NAME],
        responses: {
          '204': { description: 'It is gone.' },
          ...problemResponses('schedule_not_found', 'schedule_from_config', ...ALWAYS),
        },
      },
    },
    '/v1/schedules/{name}/pause': steered(
      'pauseSchedule',
      'Pause a schedule',
      'Nothing fires until it is resumed, and what waits for the run before is dropped. Needs the scope `operate`.',
    ),
    '/v1/schedules/{name}/resume': steered(
      'resumeSchedule',
      'Resume a schedule',
      'From now on: nothing is made up for. Needs the scope `operate`.',
    ),
    '/v1/schedules/{name}/trigger': {
      post: {
        ...{ operationId: 'triggerSchedule', tags, summary: 'Submit a run of a schedule now' },
        description: 'Beside its fire times, whatever its overlap says. Needs the scope `operate`.',
        parameters: [NAME],
        responses: {
          '202': { description: 'The run.', content: runContent({ pending: PENDING_RUN_EXAMPLE }) },
          ...problemResponses('schedule_not_found', 'flow_unknown', ...BODY, ...ALWAYS),
        },
      },
    },
  };
}
