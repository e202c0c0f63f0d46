import type { ProblemCode } from '../problems.ts';
import { StateQuery } from '../routes/state.ts';
import { jsonContent } from './json-content.ts';
import { problemResponses } from './problem-responses.ts';
import { queryParameters } from './query-parameters.ts';

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

const VALUE = { name: 'sync/crm', value: { cursor: 'p42' }, updatedAt: '2026-03-02T03:12:00.000Z' };

const NAME = {
  name: 'name',
  in: 'path',
  required: true,
  description: '1 to 200 letters, digits, ".", "_", ":", "/" or "-"; slashes as %2F.',
  schema: { type: 'string' },
  example: 'sync%2Fcrm',
};

const header = (name: string, description: string) => ({
  ...{ name, in: 'header', required: false, description },
  schema: { type: 'string' },
});
const IF_MATCH = header(
  'If-Match',
  'Change it only if it still has this ETag, or, with `*`, if it is there.',
);
const IF_NONE_MATCH = header('If-None-Match', '`*`: only if it is not there.');

const ETAG = { ETag: { description: 'Strong: another one after every change.', schema: { type: 'string' } } };

/** The durable values of a tenant. */
export function statePaths(): Record<string, object> {
  const one = { headers: ETAG, content: jsonContent('State', { value: VALUE }) };
  return {
    '/v1/state': {
      get: {
        operationId: 'listState',
        tags: ['State'],
        summary: 'List the values',
        description: 'In the order of their names. Encrypted ones are not shown. Needs the scope `operate`.',
        parameters: queryParameters(StateQuery),
        responses: {
          '200': {
            description: 'A page.',
            content: jsonContent('StateList', {
              page: { data: [VALUE, { name: 'tokens/crm', encrypted: true, updatedAt: VALUE.updatedAt }] },
            }),
          },
          ...problemResponses('query_invalid', 'cursor_invalid', ...ALWAYS),
        },
      },
    },
    '/v1/state/{name}': {
      get: {
        operationId: 'readState',
        tags: ['State'],
        summary: 'Read a value',
        description: 'Needs the scope `operate`.',
        parameters: [NAME, header('If-None-Match', 'An ETag: answered with 304 if the value still has it.')],
        responses: {
          '200': { description: 'The value.', ...one },
          '304': { description: 'It is as the client has it.', headers: ETAG },
          ...problemResponses('state_not_found', ...ALWAYS),
        },
      },
      put: {
        operationId: 'writeState',
        tags: ['State'],
        summary: 'Create or change a value',
        description: 'Without a condition the last one wins. Needs the scope `operate`.',
        parameters: [NAME, IF_MATCH, IF_NONE_MATCH],
        requestBody: { required: true, content: jsonContent('NewState', { value: { value: VALUE.value } }) },
        responses: {
          '200': { description: 'It was there, and is changed.', ...one },
          '201': { description: 'It was not there.', ...one },
          ...problemResponses(
            ...(['header_invalid', 'body_missing', 'body_malformed', 'ambiguous_json'] as const),
            ...(['precondition_failed', 'body_too_large', 'media_type_unsupported'] as const),
            ...(['validation_failed', 'route_not_found'] as const),
            ...ALWAYS,
          ),
        },
      },
      delete: {
        operationId: 'deleteState',
        tags: ['State'],
        summary: 'Delete a value',
        description: 'Needs the scope `operate`.',
        parameters: [NAME, IF_MATCH],
        responses: {
          '204': { description: 'It is gone.' },
          ...problemResponses('header_invalid', 'state_not_found', 'precondition_failed', ...ALWAYS),
        },
      },
    },
  };
}
