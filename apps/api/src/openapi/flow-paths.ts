import { jsonContent } from './json-content.ts';
import { problemResponses } from './problem-responses.ts';

const RUNNING = { flow: 'payment', version: 2, paused: false };
const PAUSED = {
  ...{ flow: 'order', version: 2, paused: true },
  ...{ pausedSince: '2026-03-02T03:12:00.000Z', pausedFor: 'flow' },
};

/** What there is to run, and whether it begins. */
export function flowPaths(): Record<string, object> {
  return {
    '/v1/flows': {
      get: {
        operationId: 'listFlows',
        tags: ['Flows'],
        summary: 'List the flows, and whether they are paused',
        description: "For the key's tenant. Needs the scope `read`.",
        responses: {
          '200': {
            description: 'All of them, by name.',
            content: jsonContent('FlowList', { flows: { data: [PAUSED, RUNNING] } }),
          },
          ...problemResponses(...COMMON),
        },
      },
    },
    '/v1/flows/{flow}/pause': {
      post: act({
        operationId: 'pauseFlow',
        summary: 'Pause a flow',
        description:
          "No new run of the key's tenant begins; what runs goes on. Submissions are accepted with 202 all the same; their runs wait, as " +
          '`suspended` with `waitingFor: { "kind": "paused" }`, once a worker has looked at them. A child run of a paused flow waits too. ' +
          'What is paused already stays so.',
        shows: PAUSED,
      }),
    },
    '/v1/flows/{flow}/resume': {
      post: act({
        operationId: 'resumeFlow',
        summary: 'Resume a flow',
        description:
          'What waited begins, in the order in which it came. A pause for all tenants, or of the tenant as a whole, is not ended by it: ' +
          'those are for operators of the system, and `pausedFor` says so.',
        shows: { ...RUNNING, flow: 'order' },
      }),
    },
  };
}

function act(operation: {
  readonly operationId: string;
  readonly summary: string;
  readonly description: string;
  readonly shows: object;
}): object {
  const { operationId, summary, description, shows } = operation;
  return {
    ...{ operationId, tags: ['Flows'], summary },
    description: `${description} Needs the scope \`operate\`.`,
    parameters: [{ name: 'flow', in: 'path', required: true, schema: { type: 'string' } }],
    requestBody: {
      required: false,
      description: 'Nothing, or an empty object.',
      content: { 'application/json': { schema: { type: 'object', additionalProperties: false } } },
    },
    responses: {
      '200': { description: 'The flow as it stands.', content: jsonContent('Flow', { flow: shows }) },
      ...problemResponses(
        ...COMMON,
        ...(['body_malformed', 'ambiguous_json', 'body_too_large', 'media_type_unsupported'] as const),
        ...(['validation_failed', 'flow_unknown', 'route_not_found'] as const),
      ),
    },
  };
}

const COMMON = [
  ...(['request_malformed', 'api_key_missing', 'api_key_invalid', 'not_authenticated'] as const),
  ...(['rate_limited', 'scope_missing', 'request_timeout', 'headers_too_large'] as const),
  ...(['internal_error', 'store_unavailable'] as const),
] as const;
