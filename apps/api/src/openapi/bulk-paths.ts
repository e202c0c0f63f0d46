import { jsonContent } from './json-content.ts';
import { problemResponses } from './problem-responses.ts';

/** The same with many runs at once. */
export function bulkPaths(): Record<string, object> {
  return {
    '/v1/dead-letters/redrive': bulkPath({
      operationId: 'redriveRuns',
      tag: 'Dead letters',
      summary: 'Redrive many dead runs',
      what: 'Most recently dead first; each run once, however many requests ask at the same time. Runs that die during the request are not included.',
      body: '`{}` means every dead run, up to the limit.',
      schema: 'BulkRedrive',
      examples: {
        some: { flow: 'order', code: 'service_unavailable', limit: 400, ratePerSecond: 20 },
        dryRun: { code: 'service_unavailable', dryRun: true },
      },
      done: 'redriven',
    }),
    '/v1/runs/cancel': bulkPath({
      operationId: 'cancelRuns',
      tag: 'Runs',
      summary: 'Cancel many runs',
      what: 'Newest first. Completed effects are undone.',
      body: '`{}` means every unfinished run, up to the limit.',
      schema: 'BulkCancel',
      examples: {
        some: { flow: 'order', tag: 'region:eu', limit: 400 },
        dryRun: { status: 'suspended', dryRun: true },
      },
      done: 'cancelling',
    }),
    '/v1/runs/rerun': bulkPath({
      operationId: 'rerunRuns',
      tag: 'Runs',
      summary: 'Rerun many runs',
      what: 'Newest first, each as its next generation with new provider keys. Runs that depend on another run, or that another run depends on, are skipped.',
      body: '`{}` means every failed or cancelled run, up to the limit.',
      schema: 'BulkRerun',
      examples: {
        some: { flow: 'order', code: 'card_declined', since: '2026-03-02T00:00:00Z' },
        dryRun: { status: 'cancelled', dryRun: true },
      },
      done: 'rerun',
    }),
  };
}

interface BulkPath {
  readonly operationId: string;
  readonly tag: string;
  readonly summary: string;
  readonly what: string;
  readonly body: string;
  readonly schema: string;
  readonly examples: Readonly<Record<string, object>>;
  /** The count of those with which it was done. */
  readonly done: string;
}

function bulkPath({ operationId, tag, summary, what, body, schema, examples, done }: BulkPath): object {
  const lines = [
    { matched: 4, [done]: 4, skipped: 0 },
    { matched: 400, [done]: 398, skipped: 2, more: false },
  ];
  return {
    post: {
      operationId,
      tags: [tag],
      summary,
      description:
        `${what} It takes 30 s ` +
        'at most, then answers with `more: true` when runs are left: send it again to continue. It stops when the connection closes; ' +
        'what was done stays done. With `Accept: application/x-ndjson` it takes as long as it needs and reports progress ' +
        'in lines of JSON, the last of which has `more`. Needs the scope `operate`.',
      requestBody: { required: true, description: body, content: jsonContent(schema, examples) },
      responses: {
        '200': {
          description: 'What was done.',
          content: {
            ...jsonContent(`${schema}Result`, {
              done: { matched: 400, [done]: 398, skipped: 2, more: false },
            }),
            'application/x-ndjson': {
              schema: { type: 'string' },
              example: lines.map((line) => `${JSON.stringify(line)}\n`).join(''),
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
          ] as const),
          ...([
            'body_too_large',
            'media_type_unsupported',
            'validation_failed',
            'headers_too_large',
          ] as const),
          ...(['internal_error', 'store_unavailable'] as const),
        ),
      },
    },
  };
}
