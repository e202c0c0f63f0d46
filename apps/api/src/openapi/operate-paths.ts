import type { ProblemCode } from '../problems.ts';
import { PENDING_RUN_EXAMPLE } from './examples.ts';
import { problemResponses } from './problem-responses.ts';
import { runContent } from './run-content.ts';

interface OperateOperation {
  readonly operationId: string;
  readonly tag: 'Runs' | 'Dead letters';
  readonly summary: string;
  readonly description: string;
  readonly parameters: readonly string[];
  readonly body?: { readonly schema: string; readonly examples: Readonly<Record<string, object>> };
  /** Of one that may be left out. */
  readonly optionalBody?: OperateOperation['body'];
  /** What it can be answered besides what every such operation can. */
  readonly problems: readonly ProblemCode[];
}

const NOT_FINISHED_AGAIN = 'A finished run is left as it is.';

const OPERATIONS: Readonly<Record<string, OperateOperation>> = {
  '/v1/runs/{id}/cancel': {
    operationId: 'cancelRun',
    tag: 'Runs',
    summary: 'Cancel a run',
    description: `No new step starts, an effect in doubt is resolved first, and what was done is undone. ${NOT_FINISHED_AGAIN}`,
    parameters: ['id'],
    problems: ['run_finished'],
  },
  '/v1/runs/{id}/rerun': {
    operationId: 'rerunRun',
    tag: 'Runs',
    summary: 'Rerun a finished run',
    description:
      'Without a body: the same input and id, the next generation, new keys for the providers, the latest version of the flow. With one: another ' +
      'run of the flow, with that input, under that Idempotency-Key; the answer is the new run, and this one stays as it is.',
    parameters: ['id'],
    optionalBody: {
      schema: 'Rerun',
      examples: { edited: { idempotencyKey: 'order-1001-corrected', input: { amount: 4200 } } },
    },
    problems: [
      ...(['run_not_finished', 'run_drawn_upon', 'idempotency_key_invalid'] as const),
      ...(['idempotency_key_reused', 'flow_unknown', 'flow_not_submittable'] as const),
    ],
  },
  '/v1/runs/{id}/signals/{name}': {
    operationId: 'signalRun',
    tag: 'Runs',
    summary: 'Send a run a signal',
    description:
      'Kept until the run waits for a signal of this name; each wait takes one, oldest first. A repeated id is ' +
      'answered with 202 and changes nothing.',
    parameters: ['id', 'name'],
    body: {
      schema: 'Signal',
      examples: { settled: { id: 'evt_1', payload: { settled: true } } },
    },
    problems: [
      ...(['run_finished', 'generation_ended', 'signal_invalid'] as const),
      ...(['too_many_signals', 'signals_too_large'] as const),
    ],
  },
  '/v1/dead-letters/{runId}/redrive': {
    operationId: 'redriveRun',
    tag: 'Dead letters',
    summary: 'Redrive a dead run',
    description:
      'Continues from the step that failed, with fresh attempts; completed steps are not repeated. A run that is not dead is left as it is.',
    parameters: ['runId'],
    problems: ['flow_not_registered'],
  },
  '/v1/dead-letters/{runId}/resolve': {
    operationId: 'resolveStep',
    tag: 'Dead letters',
    summary: 'Resolve an effect in doubt, or its undo',
    description:
      '`happened` and `did_not_happen` are about a step in doubt; `undone` is about any step that is completed, also when people undid ' +
      'it by hand; `not_undone` is about an undo in doubt. A run that would only die again (its flow does not fit or is gone, or it ' +
      'ended its workers) stays dead: cancel it once all is answered for. The same answer again is answered with 202. The run goes on with the answer: past the step, or with another attempt of it. A result that the flow cannot go on with is ' +
      'refused, and nothing is recorded. The order flow needs `chargeId` of `charge`, `reservationId` of `reserve`, ' +
      '`trackingNumber` of `ship` (and `labelId`, to void the label later) and `messageId` of `email`.',
    parameters: ['runId'],
    body: {
      schema: 'Resolution',
      examples: {
        happened: { step: 'charge', outcome: 'happened', result: { chargeId: 'pi_2b7f' } },
        did_not_happen: { step: 'charge', outcome: 'did_not_happen' },
      },
    },
    problems: ['run_not_dead', 'step_not_in_doubt'],
  },
  '/v1/dead-letters/{runId}/cancel': {
    operationId: 'cancelDeadRun',
    tag: 'Dead letters',
    summary: 'Discard a dead run and undo its effects',
    description: `An effect in doubt is settled first, as the step declares with whenInDoubt. A run with nothing left to undo ends at once. ${NOT_FINISHED_AGAIN}`,
    parameters: ['runId'],
    problems: ['run_finished', 'effects_unanswered'],
  },
};

/** The paths by which an operator steers runs. */
export function operatePaths(): Record<string, object> {
  return Object.fromEntries(
    Object.entries(OPERATIONS).map(([path, operation]) => [path, { post: describe(operation) }]),
  );
}

function describe({ operationId, tag, summary, description, ...operation }: OperateOperation): object {
  return {
    operationId,
    tags: [tag],
    summary,
    description: `${description} Needs the scope \`operate\`.`,
    parameters: operation.parameters.map((name) => ({
      ...{ name, in: 'path', required: true, schema: { type: 'string' } },
    })),
    requestBody: operation.body
      ? bodyOf(operation.body)
      : operation.optionalBody
        ? { ...bodyOf(operation.optionalBody), required: false }
        : NO_BODY,
    responses: {
      '202': {
        description: 'Recorded durably. The run; poll `Location` for progress.',
        headers: {
          Location: { description: 'Where the run is.', schema: { type: 'string', format: 'uri-reference' } },
          'Retry-After': { description: 'Seconds to wait before polling.', schema: { type: 'integer' } },
        },
        content: runContent({ pending: PENDING_RUN_EXAMPLE }),
      },
      ...problemResponses(
        ...([
          'request_malformed',
          'body_malformed',
          'ambiguous_json',
          'api_key_missing',
          'api_key_invalid',
          'not_authenticated',
          'rate_limited',
        ] as const),
        ...(['scope_missing', 'route_not_found', 'run_not_found', 'request_timeout'] as const),
        ...(['body_too_large', 'media_type_unsupported', 'validation_failed'] as const),
        ...(['headers_too_large', 'internal_error', 'payload_unreadable', 'store_unavailable'] as const),
        ...(operation.body ? (['body_missing'] as const) : []),
        ...operation.problems,
      ),
    },
  };
}

const NO_BODY = {
  required: false,
  description: 'Empty, or an empty object.',
  content: { 'application/json': { schema: { type: 'object', additionalProperties: false } } },
};

function bodyOf({ schema, examples }: NonNullable<OperateOperation['body']>): object {
  return {
    required: true,
    description: 'At most 256 KiB.',
    content: {
      'application/json': {
        schema: { $ref: `#/components/schemas/${schema}` },
        examples: Object.fromEntries(Object.entries(examples).map(([name, value]) => [name, { value }])),
      },
    },
  };
}
