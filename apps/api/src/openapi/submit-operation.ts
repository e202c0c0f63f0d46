import type { SubmitExamples } from '@holdfast/project';
import { MAX_WAIT_SECONDS } from '../prefer-wait.ts';
import type { ProblemCode } from '../problems.ts';
import { problemResponses } from './problem-responses.ts';
import { runContent } from './run-content.ts';

export interface SubmitOperation {
  readonly operationId: string;
  readonly tag: 'Runs' | 'Payments';
  readonly summary: string;
  readonly description: string;
  readonly parameters?: readonly object[];
  readonly bodySchema: object;
  /** Absent: none are shown. */
  readonly examples: SubmitExamples | undefined;
  /** What it can be answered besides what every such operation can. */
  readonly problems?: readonly ProblemCode[];
}

/** An operation that accepts a run. */
export function submitOperation({ examples, problems = [], ...operation }: SubmitOperation): object {
  return {
    operationId: operation.operationId,
    tags: [operation.tag],
    summary: operation.summary,
    description: `${operation.description} Needs the scope \`submit\`.`,
    parameters: [
      ...(operation.parameters ?? []),
      { ...IDEMPOTENCY_KEY, example: examples?.pending.idempotencyKey ?? 'hello-1001' },
      PREFER,
      TAGS,
      START_AT,
      PRIORITY,
      TRACEPARENT,
    ],
    requestBody: {
      required: true,
      description: 'At most 256 KiB.',
      content: {
        'application/json': { schema: operation.bodySchema, ...(examples && { example: examples.body }) },
      },
    },
    responses: {
      '200': {
        description: 'The run has ended: the same request was sent before, or `Prefer: wait` saw it end.',
        headers: SUBMIT_HEADERS,
        content: runContent(examples ? { completed: examples.completed, failed: examples.failed } : {}),
      },
      '202': {
        description: 'The run is durable and will finish. Ask at `Location` how it stands.',
        headers: {
          ...SUBMIT_HEADERS,
          'Retry-After': { description: 'Seconds to wait before polling.', schema: { type: 'integer' } },
        },
        content: runContent(examples ? { pending: examples.pending } : {}),
      },
      ...problemResponses(
        ...(['request_malformed', 'body_missing', 'body_malformed', 'ambiguous_json'] as const),
        ...(['idempotency_key_missing', 'idempotency_key_invalid', 'header_invalid'] as const),
        ...([
          'api_key_missing',
          'api_key_invalid',
          'not_authenticated',
          'rate_limited',
          'scope_missing',
          'request_timeout',
        ] as const),
        ...(['body_too_large', 'media_type_unsupported'] as const),
        ...(['validation_failed', 'idempotency_key_reused'] as const),
        ...(['headers_too_large', 'internal_error', 'payload_unreadable', 'store_unavailable'] as const),
        ...problems,
      ),
    },
  };
}

const IDEMPOTENCY_KEY = {
  name: 'Idempotency-Key',
  in: 'header',
  required: true,
  description:
    '1 to 255 visible ASCII characters, bare or as a quoted structured-field string; the same key either way. The same key with ' +
    'the same request is the same run.',
  schema: { type: 'string', minLength: 1 },
};

const PREFER = {
  name: 'Prefer',
  in: 'header',
  description: `\`wait=N\`: answer as soon as the run has ended, or is dead and waits for a person (202); after N seconds at the latest (at most ${MAX_WAIT_SECONDS}). Passed over, without \`Preference-Applied\`, while too many requests wait already.`,
  schema: { type: 'string' },
  example: 'wait=10',
};

const TAGS = {
  name: 'Holdfast-Tags',
  in: 'header',
  description:
    'What to find the run by, with `GET /v1/runs?tag=name:value`: at most 10 tags, separated by commas.',
  schema: { type: 'string' },
  example: 'customer=cus_1, region=eu',
};

const START_AT = {
  name: 'Holdfast-Start-At',
  in: 'header',
  description:
    'When the run is to start, at most a year from now. Until then it is `suspended` and can be cancelled.',
  schema: { type: 'string', format: 'date-time' },
  example: '2030-01-31T09:00:00Z',
};

const PRIORITY = {
  name: 'Holdfast-Priority',
  in: 'header',
  description:
    "0 to 9, the most urgent. While more runs wait than workers can take, your tenant's most urgent runs of the flow go first; other tenants' runs are not held up. A run with a start time goes by that.",
  schema: { type: 'integer', minimum: 0, maximum: 9, default: 0 },
  example: 9,
};

const TRACEPARENT = {
  name: 'traceparent',
  in: 'header',
  description:
    'W3C Trace Context. Kept with the run that is created; its requests to providers carry the same trace id. One that cannot be read counts as none.',
  schema: { type: 'string' },
  example: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
};

const SUBMIT_HEADERS = {
  Location: { description: 'Where the run is.', schema: { type: 'string', format: 'uri-reference' } },
  'Idempotent-Replayed': {
    description: '`true` when the same request was accepted before.',
    schema: { type: 'string', enum: ['true'] },
  },
  'Preference-Applied': { description: 'The wait that was applied.', schema: { type: 'string' } },
};
