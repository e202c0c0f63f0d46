import type { ProblemCode } from '../problems.ts';
import { jsonContent } from './json-content.ts';
import { problemResponses } from './problem-responses.ts';

const ANSWERED = [
  'callback_not_found',
  'callback_completed',
  'request_malformed',
  'body_missing',
  'body_malformed',
  'ambiguous_json',
  'body_too_large',
  'signals_too_large',
  'media_type_unsupported',
  'validation_failed',
  'request_timeout',
  'headers_too_large',
  'internal_error',
  'store_unavailable',
] as const satisfies readonly ProblemCode[];

/** Callbacks that flows give to others. */
export function callbackPath(): Record<string, object> {
  const done = jsonContent('Callback', { done: { completed: true } });
  return {
    '/v1/callbacks/{id}': {
      post: {
        operationId: 'completeCallback',
        tags: ['Webhooks'],
        summary: 'Complete a callback',
        description:
          'For whom a flow gave the URL of its `ctx.callback`. It is completed once, with a `result` or an `error`. No API key: the id is the secret. ' +
          'A callback whose time is up, or whose run has ended without it, is 404 as one that never was.',
        security: [],
        parameters: [{ name: 'id', in: 'path', required: true, schema: { type: 'string' } }],
        requestBody: {
          required: true,
          description: 'Exactly one of `result` and `error`. At most 256 KiB.',
          content: jsonContent('CallbackOutcome', {
            result: { result: { approvedBy: 'ada' } },
            error: { error: { code: 'not_approved', message: 'The budget is used up.' } },
          }),
        },
        responses: {
          '202': { description: 'It is completed.', content: done },
          '200': { description: 'It was completed with the same outcome before.', content: done },
          ...problemResponses(...ANSWERED),
        },
      },
    },
  };
}
