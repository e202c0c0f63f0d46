import type { ProblemCode } from '../problems.ts';
import { jsonContent } from './json-content.ts';
import { problemResponses } from './problem-responses.ts';

/** What a run did, and with what; and submitting many at once. */
export function evidencePaths(): Record<string, object> {
  return {
    '/v1/runs/{id}/attempts': {
      get: {
        operationId: 'listAttempts',
        tags: ['Runs'],
        summary: 'List the attempts of a run',
        description:
          'Every call to a provider: to cause an effect, to look one up, to undo one. Needs the scope `read`.',
        parameters: [ID],
        responses: {
          '200': { description: 'The attempts, in the order in which they ended.', content: ATTEMPTS },
          ...PROBLEMS,
        },
      },
    },
    '/v1/runs/{id}/payloads': {
      get: {
        operationId: 'readPayloads',
        tags: ['Runs'],
        summary: "Show a run's payloads",
        description: 'As stored in Redis; nothing is masked. Needs the scope `payloads`.',
        parameters: [ID],
        responses: {
          '200': { description: 'Input, output, results and signals.', content: PAYLOADS },
          ...PROBLEMS,
        },
      },
    },
    '/v1/runs/bulk': {
      post: {
        operationId: 'submitRuns',
        tags: ['Runs'],
        summary: 'Accept up to 100 runs',
        description:
          'Each submission has its own key and its own result; a refused one does not stop the others. At most 4 MiB in all. A retry ' +
          'gets the same results, as each submission would by itself. Needs the scope `submit`.',
        requestBody: { required: true, description: 'At most 4 MiB.', content: SUBMISSIONS },
        responses: {
          '200': { description: 'One result per submission, in the order sent.', content: RESULTS },
          ...problemResponses(...ALWAYS, ...OF_BODIES),
        },
      },
    },
  };
}

const ID = { name: 'id', in: 'path', required: true, schema: { type: 'string' } };

const ALWAYS = [
  'request_malformed',
  'api_key_missing',
  'api_key_invalid',
  'not_authenticated',
  'scope_missing',
  'request_timeout',
  'rate_limited',
  'headers_too_large',
  'internal_error',
  'payload_unreadable',
  'store_unavailable',
] as const satisfies readonly ProblemCode[];

const OF_BODIES = [
  'body_missing',
  'body_malformed',
  'ambiguous_json',
  'body_too_large',
  'media_type_unsupported',
  'validation_failed',
] as const satisfies readonly ProblemCode[];

const PROBLEMS = problemResponses('route_not_found', 'run_not_found', ...ALWAYS);

const KEY = 'run_3n5d8k2q7v9x1c4b6m0w:1:ship';

const ATTEMPTS = jsonContent('AttemptList', {
  lostReply: {
    data: [
      {
        step: 'ship',
        what: 'run',
        attempt: 1,
        idempotencyKey: KEY,
        reference: KEY.replaceAll(':', '.'),
        startedAt: '2026-03-02T03:12:00.000Z',
        finishedAt: '2026-03-02T03:12:00.090Z',
        outcome: 'in_doubt',
        sent: true,
        nextAttemptAt: '2026-03-02T03:12:00.400Z',
        error: { code: 'connection_lost', message: 'shipping closed the connection', kind: 'in_doubt' },
        requests: [
          { what: 'POST /labels', sent: true, outcome: 'in_doubt', code: 'connection_lost', durationMs: 88 },
        ],
      },
    ],
    leftOut: 0,
  },
});

const PAYLOADS = jsonContent('Payloads', {
  completed: {
    input: { name: 'Ada' },
    output: { greeting: 'Hello, Ada!' },
    results: [{ step: 'greet', result: 'Hello, Ada!' }],
    signals: [],
  },
});

const SUBMISSIONS = jsonContent('BulkSubmit', {
  two: {
    runs: [
      { flow: 'hello', idempotencyKey: 'hello-1', input: { name: 'Ada' } },
      { flow: 'hello', idempotencyKey: 'hello-2', input: { name: 7 }, tags: { team: 'blue' } },
    ],
  },
});

const RESULTS = jsonContent('BulkSubmitResult', {
  one: {
    results: [
      {
        status: 202,
        run: {
          id: 'run_3n5d8k2q7v9x1c4b6m0w',
          flow: 'hello',
          version: 1,
          generation: 1,
          status: 'pending',
          idempotencyKey: 'hello-1',
          steps: [],
          createdAt: '2026-03-02T03:12:00.000Z',
          updatedAt: '2026-03-02T03:12:00.000Z',
        },
      },
      { status: 422, problem: { code: 'validation_failed', status: 422 } },
    ],
  },
});
