import type { ProblemCode } from '../problems.ts';
import { problemResponses } from './problem-responses.ts';

export interface ReadOperation {
  readonly operationId: string;
  readonly tag: 'Runs' | 'Payments';
  readonly summary: string;
  readonly description: string;
  /** What a 200 holds. */
  readonly shows: string;
  readonly content: object;
  readonly notFound: ProblemCode;
}

/** An operation that shows one thing by its id, tagged with its revision. */
export function readOperation(operation: ReadOperation): object {
  return {
    operationId: operation.operationId,
    tags: [operation.tag],
    summary: operation.summary,
    description: `${operation.description} Needs the scope \`read\`.`,
    parameters: [
      { name: 'id', in: 'path', required: true, schema: { type: 'string' } },
      { name: 'If-None-Match', in: 'header', schema: { type: 'string' }, example: '"12-completed"' },
    ],
    responses: {
      '200': {
        description: operation.shows,
        headers: { ETag: { schema: { type: 'string' } }, 'Cache-Control': { schema: { type: 'string' } } },
        content: operation.content,
      },
      '304': { description: 'Unchanged since the ETag in If-None-Match.' },
      ...problemResponses(
        ...([
          'request_malformed',
          'api_key_missing',
          'api_key_invalid',
          'not_authenticated',
          'rate_limited',
          'scope_missing',
        ] as const),
        ...(['route_not_found', operation.notFound, 'request_timeout', 'headers_too_large'] as const),
        ...(['internal_error', 'payload_unreadable', 'store_unavailable'] as const),
      ),
    },
  };
}
