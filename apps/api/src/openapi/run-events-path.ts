import { PENDING_RUN_EXAMPLE } from './examples.ts';
import { problemResponses } from './problem-responses.ts';

/** The stream of a run's changes. */
export function runEventsPath(): Record<string, object> {
  return {
    '/v1/runs/{id}/events': {
      get: {
        operationId: 'followRun',
        tags: ['Runs'],
        summary: 'Be told how a run stands, whenever that changes',
        description:
          'Server-sent events. Each is named `run`, its `data` is the run as `GET /v1/runs/{id}` shows it, on one line, and its `id` is ' +
          'another with each change. The first says how the run stands now; changes in quick succession may come as one, the last one always ' +
          'comes, and none comes after a newer one. The stream ends after a status that is final (completed, failed, cancelled); a dead run ' +
          'is followed on, since a person may redrive it. A comment comes every 15 s when there is nothing else. It also ends when ' +
          'the process stops: connect again, with `Last-Event-ID`, as browsers do by themselves. Needs the scope `read`.',
        parameters: [
          { name: 'id', in: 'path', required: true, schema: { type: 'string' } },
          {
            ...{ name: 'Last-Event-ID', in: 'header', schema: { type: 'string' }, example: 'mf8k2c00-7' },
            description: 'The `id` of the last event that came: only what is newer is sent.',
          },
        ],
        responses: {
          '200': {
            description: 'The stream.',
            content: {
              'text/event-stream': {
                schema: { type: 'string' },
                example: `event: run\nid: mf8k2c00-1\ndata: ${JSON.stringify(PENDING_RUN_EXAMPLE)}\n\n`,
              },
            },
          },
          '204': {
            description: 'The run has ended, and Last-Event-ID was its last event. Do not connect again.',
          },
          ...problemResponses(
            ...([
              'request_malformed',
              'api_key_missing',
              'api_key_invalid',
              'not_authenticated',
              'rate_limited',
              'scope_missing',
            ] as const),
            ...(['route_not_found', 'run_not_found', 'request_timeout', 'headers_too_large'] as const),
            ...(['internal_error', 'payload_unreadable', 'store_unavailable', 'too_many_streams'] as const),
          ),
        },
      },
    },
  };
}
