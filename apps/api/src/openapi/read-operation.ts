import type { ProblemCode } from '../problems.ts';
import { problemResponses } from './problem-responses.ts';

export interface ReadOperation {
  readonly operationId: string;
  readonly tag: 'Runs' | 'Payments';
  readonly summary: string;
  readonly description: string;
  /** Without a tag of what it shows, if it is another than `read`. */
  readonly scope?: 'payloads';
  /** What a 200 holds. */
  readonly shows: string;
  readonly content: object;
  readonly notFound: ProblemCode;
}

const IF_NONE_MATCH = {
  ...{ name: 'If-None-Match', in: 'header', schema: { type: 'string' }, example: '"12-completed"' },
};

/** An operation that shows one thing by its id, tagged with its revision. */
export function readOperation(operation: ReadOperation): object {
  return {
    operationId: operation.operationId,
    tags: [operation.tag],
    summary: operation.summary,
    description: `${operation.description} Needs the scope \`${operation.scope ?? 'read'}\`.`,
    parameters: [
      { name: 'id', in: 'path', required: true, schema: { type: 'string' } },
      ...(operation.scope ? [] : [IF_NONE_MATCH]),
    ],
    responses: {
      '200': {
        description: operation.shows,
        headers: {
          ...(operation.scope ? {} : { ETag: { schema: { type: 'string' } } }),
          'Cache-Control': { schema: { type: 'string' } },
        },
        content: operation.content,
      },
      ...(operation.scope ? {} : { '304': { description: 'Unchanged since the ETag in If-None-Match.' } }),
      ...problemResponses(
        ...([
          'request_malformed',
          'api_key_missing',
          'api_key_invalid',
          'rate_limited',
          'scope_missing',
        ] as const),
        ...(['route_not_found', operation.notFound, 'request_timeout', 'headers_too_large'] as const),
        ...(['internal_error', 'store_unavailable'] as const),
      ),
    },
  };
}
