import { DeadLettersQuery, RunsQuery } from '../routes/lists.ts';
import { COMPLETED_RUN_EXAMPLE, DEAD_RUN_EXAMPLE, PENDING_RUN_EXAMPLE } from './examples.ts';
import { jsonContent } from './json-content.ts';
import { problemResponses } from './problem-responses.ts';
import { queryParameters } from './query-parameters.ts';

const NEXT = 'eyJydW5zOjE3NzI0MjE';

/** The lists of runs. */
export function listPaths(): Record<string, object> {
  return {
    '/v1/runs': {
      get: {
        operationId: 'listRuns',
        tags: ['Runs'],
        summary: 'List and find runs',
        description:
          'The newest first; with `status=dead`, the last to die first. A page may hold fewer than `limit`, or none, and still have a ' +
          '`nextCursor`: 5,000 runs are looked at for one page. Needs the scope `read`.',
        parameters: queryParameters(RunsQuery),
        responses: {
          '200': {
            description: 'A page.',
            content: jsonContent('RunList', {
              page: { data: [PENDING_RUN_EXAMPLE, COMPLETED_RUN_EXAMPLE], nextCursor: NEXT },
              last: { data: [] },
            }),
          },
          ...PROBLEMS,
        },
      },
    },
    '/v1/dead-letters': {
      get: {
        operationId: 'listDeadLetters',
        tags: ['Dead letters'],
        summary: 'List the runs that wait for a person',
        description:
          'The last to die first. `error` says why: its code, the step, and its kind. Needs the scope `read`.',
        parameters: queryParameters(DeadLettersQuery),
        responses: {
          '200': {
            description: 'A page.',
            content: jsonContent('RunList', { page: { data: [DEAD_RUN_EXAMPLE], nextCursor: NEXT } }),
          },
          ...PROBLEMS,
        },
      },
    },
  };
}

const PROBLEMS = problemResponses(
  ...([
    'request_malformed',
    'query_invalid',
    'cursor_invalid',
    'api_key_missing',
    'api_key_invalid',
    'not_authenticated',
    'rate_limited',
  ] as const),
  ...([
    'scope_missing',
    'request_timeout',
    'headers_too_large',
    'internal_error',
    'store_unavailable',
  ] as const),
);
