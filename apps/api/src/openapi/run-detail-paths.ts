import { jsonContent } from './json-content.ts';
import { readOperation } from './read-operation.ts';

const RUN = 'run_5c0d2f6a8e914b7c8d3e2f1a0b9c8d7e';

const ATTEMPTS = {
  data: [
    {
      ...{ step: 'charge', what: 'run', attempt: 1, startedAt: '2026-03-02T03:12:00.020Z' },
      ...{ finishedAt: '2026-03-02T03:12:00.340Z', outcome: 'unavailable', sent: false },
      idempotencyKey: `${RUN}:1:charge`,
      requests: [
        {
          ...{ what: 'POST /v1/payment_intents', sent: false, outcome: 'unavailable' },
          ...{ code: 'connection_refused', durationMs: 4 },
        },
      ],
      error: { code: 'connection_refused', message: 'the connection was refused', kind: 'unavailable' },
      nextAt: '2026-03-02T03:12:00.790Z',
    },
    {
      ...{ step: 'charge', what: 'run', attempt: 2, startedAt: '2026-03-02T03:12:00.795Z' },
      ...{ finishedAt: '2026-03-02T03:12:01.120Z', outcome: 'ok', idempotencyKey: `${RUN}:1:charge` },
    },
  ],
};

const PAYLOADS = {
  input: { name: 'Ada' },
  results: { charge: { chargeId: 'pi_2b7f' } },
  output: { greeting: 'Hello, Ada' },
  signals: [{ id: 'evt_1', name: 'payment.settled' }],
};

/** What was tried for a run, and what it was given and has made. */
export function runDetailPaths(): Record<string, object> {
  return {
    '/v1/runs/{id}/attempts': {
      get: readOperation({
        operationId: 'listAttempts',
        tag: 'Runs',
        summary: 'See what a run has tried',
        description:
          'Every call of its steps, look-ups and undos among them, each with its error and its requests.',
        shows: 'The calls.',
        content: jsonContent('AttemptList', { retried: ATTEMPTS }),
        notFound: 'run_not_found',
      }),
    },
    '/v1/runs/{id}/payloads': {
      get: readOperation({
        operationId: 'readPayloads',
        tag: 'Runs',
        summary: 'See what a run was given and has made',
        description: 'Its input, the results of its steps, its output and the signals it was sent.',
        scope: 'payloads',
        shows: 'All of them.',
        content: jsonContent('Payloads', { completed: PAYLOADS }),
        notFound: 'run_not_found',
      }),
    },
  };
}
