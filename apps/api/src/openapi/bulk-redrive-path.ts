import { jsonContent } from './json-content.ts';
import { problemResponses } from './problem-responses.ts';

/** Redriving many runs at once. */
export function bulkRedrivePath(): Record<string, object> {
  return {
    '/v1/dead-letters/redrive': {
      post: {
        operationId: 'redriveRuns',
        tags: ['Dead letters'],
        summary: 'Let many dead runs go on from where each failed',
        description:
          'The last to die first, each once however many ask at the same time. Runs that die meanwhile are not taken up. It takes 30 s ' +
          'at most and then says with `more` that some are left: send it again to go on. It stops when the connection is closed; ' +
          'what was redriven stays so. With `Accept: application/x-ndjson` it takes as long as it needs, and tells how far it is ' +
          'in lines of JSON, the last of which has `more`. Needs the scope `operate`.',
        requestBody: {
          required: true,
          description: '`{}` is every dead run, up to the limit.',
          content: jsonContent('BulkRedrive', {
            some: { flow: 'order', code: 'service_unavailable', limit: 400, ratePerSecond: 20 },
            dryRun: { code: 'service_unavailable', dryRun: true },
          }),
        },
        responses: {
          '200': {
            description: 'How far it came.',
            content: {
              ...jsonContent('BulkRedriveResult', {
                done: { matched: 400, redriven: 398, skipped: 2, more: false },
              }),
              'application/x-ndjson': {
                schema: { type: 'string' },
                example:
                  '{"matched":4,"redriven":4,"skipped":0}\n{"matched":400,"redriven":398,"skipped":2,"more":false}\n',
              },
            },
          },
          ...problemResponses(
            ...([
              'request_malformed',
              'body_missing',
              'body_malformed',
              'ambiguous_json',
              'api_key_missing',
            ] as const),
            ...([
              'api_key_invalid',
              'not_authenticated',
              'rate_limited',
              'scope_missing',
              'request_timeout',
              'body_too_large',
            ] as const),
            ...(['media_type_unsupported', 'validation_failed', 'headers_too_large'] as const),
            ...(['internal_error', 'store_unavailable'] as const),
          ),
        },
      },
    },
  };
}
