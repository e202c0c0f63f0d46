import type { InputFault } from '@holdfast/engine';

interface ProblemKind {
  readonly status: number;
  /** What is wrong, the same for every occurrence. */
  readonly title: string;
  /** What the caller can do about it. */
  readonly advice: string;
}

/** Every error the API answers, by its stable code. docs/errors.md lists them too. */
export const PROBLEMS = {
  request_malformed: {
    status: 400,
    title: 'The request is not valid HTTP',
    advice: 'Check the URL, the headers and the length of the body.',
  },
  query_invalid: {
    status: 400,
    title: 'The query is not valid',
    advice: 'Fix the parameters listed in `errors`: unknown, repeated or malformed.',
  },
  cursor_invalid: {
    status: 400,
    title: 'Unknown cursor',
    advice: 'Pass the `nextCursor` of this list unchanged, or leave it out to start from the first page.',
  },
  body_missing: {
    status: 400,
    title: 'The request has no body',
    advice: 'Send a JSON body with Content-Type: application/json.',
  },
  body_malformed: {
    status: 400,
    title: 'The body is not valid JSON',
    advice: 'Send JSON (RFC 8259) in UTF-8, nested at most 64 levels deep.',
  },
  ambiguous_json: {
    status: 400,
    title: 'The body is ambiguous',
    advice:
      'Send each member once, integers up to 2^53 (larger ones as strings), and no unpaired surrogates.',
  },
  idempotency_key_missing: {
    status: 400,
    title: 'The Idempotency-Key header is missing',
    advice: 'Send a new key with each new request, and the same key when you retry it.',
  },
  idempotency_key_invalid: {
    status: 400,
    title: 'The Idempotency-Key header is not valid',
    advice: 'Send it once, as 1 to 255 visible ASCII characters, bare or in double quotes.',
  },
  header_invalid: {
    status: 400,
    title: 'A header is not valid',
    advice: 'Fix the header named in the error, or leave it out.',
  },
  api_key_missing: {
    status: 401,
    title: 'An API key is required',
    advice: 'Send Authorization: Bearer hf_… with your key.',
  },
  api_key_invalid: {
    status: 401,
    title: 'The API key is not known',
    advice: 'Check the key; it may be mistyped, revoked or expired.',
  },
  not_authenticated: {
    status: 401,
    title: 'Authentication is required',
    advice: 'Authenticate with this server. It replaces API keys with its own authentication.',
  },
  scope_missing: {
    status: 403,
    title: 'The API key lacks a scope',
    advice: 'Use a key that has the scope named in the error.',
  },
  flow_not_submittable: {
    status: 403,
    title: 'Runs of this flow are not accepted here',
    advice: 'Use the route named in the error. It checks what the flow relies on.',
  },
  route_not_found: {
    status: 404,
    title: 'There is nothing at this URL',
    advice: 'See /docs for the available routes.',
  },
  flow_unknown: {
    status: 404,
    title: 'There is no such flow',
    advice: 'Check the name of the flow in the URL.',
  },
  run_not_found: {
    status: 404,
    title: 'There is no such run',
    advice: 'Check the id. Runs that ended are forgotten after the retention time.',
  },
  payment_not_found: {
    status: 404,
    title: 'There is no such payment',
    advice: 'Check the id. Payments are forgotten after the retention time.',
  },
  order_not_found: {
    status: 404,
    title: 'There is no such order',
    advice: 'Check the id. Orders are forgotten after the retention time.',
  },
  key_not_found: {
    status: 404,
    title: 'There is no such API key',
    advice: 'Check the id. GET /v1/keys lists your keys.',
  },
  method_not_allowed: {
    status: 405,
    title: 'The method does not fit this URL',
    advice: 'Use one of the methods in the Allow header.',
  },
  request_timeout: {
    status: 408,
    title: 'The request did not arrive in time',
    advice: 'Send the headers within 10 s and the whole request within 15 s.',
  },
  run_finished: {
    status: 409,
    title: 'The run has ended',
    advice: 'Nothing to do. Rerun it to start it again.',
  },
  run_not_finished: {
    status: 409,
    title: 'The run has not ended',
    advice: 'Wait until it has ended. Redrive a dead run instead, or cancel it first.',
  },
  run_drawn_upon: {
    status: 409,
    title: 'The run cannot be rerun, because another run depends on it',
    advice: 'Submit a new run under a new Idempotency-Key, such as another payment or another refund.',
  },
  run_not_dead: {
    status: 409,
    title: 'The run is not dead',
    advice: 'Look at the run: it may have been redriven, resolved or cancelled by somebody else.',
  },
  request_in_progress: {
    status: 409,
    title: 'A request with this Idempotency-Key is in progress',
    advice: 'Send the same request again after Retry-After.',
  },
  payment_not_refundable: {
    status: 409,
    title: 'The payment is not completed',
    advice: 'Look at the payment; refund it once it is completed. The Idempotency-Key is still free.',
  },
  body_too_large: {
    status: 413,
    title: 'The body is too large',
    advice: 'Send at most 256 KiB; store large data elsewhere and send a reference.',
  },
  media_type_unsupported: {
    status: 415,
    title: 'The body is not application/json',
    advice: 'Send JSON, uncompressed, with Content-Type: application/json.',
  },
  validation_failed: {
    status: 422,
    title: 'The input is not valid',
    advice: 'Fix the fields listed in `errors`. The Idempotency-Key is still free.',
  },
  idempotency_key_reused: {
    status: 422,
    title: 'The Idempotency-Key was used for another request',
    advice: 'Send a new key for a new request, or the very same request for this key.',
  },
  refund_exceeds_payment: {
    status: 422,
    title: 'The refund is larger than what is left of the payment',
    advice: 'Refund `refundableAmount` at most. The Idempotency-Key is still free.',
  },
  step_not_in_doubt: {
    status: 422,
    title: "The step's outcome is not in doubt",
    advice: 'Look at the run for steps that are `in_doubt`. To try a failed step again, redrive the run.',
  },
  generation_ended: {
    status: 409,
    title: 'The signal is for another generation of the run',
    advice: 'Nothing to do: the run was rerun since. Leave `generation` out to reach the current generation.',
  },
  flow_not_registered: {
    status: 409,
    title: 'No worker can continue the run',
    advice:
      'Register the flow again in the version of the run. Or resolve each step that is completed or in doubt, then cancel the run.',
  },
  effects_unanswered: {
    status: 409,
    title: 'No worker can undo what the run did',
    advice:
      'Resolve each step that is completed or in doubt, then cancel the run; or register its flow again.',
  },
  signals_too_large: {
    status: 413,
    title: 'The signals of the run are too large in total',
    advice: 'Send it again once the run has received some, or store the data elsewhere and send a reference.',
  },
  signal_invalid: {
    status: 422,
    title: 'The signal cannot be used',
    advice: 'Correct its name or id as the error says.',
  },
  rate_limited: {
    status: 429,
    title: 'Rate limit exceeded',
    advice:
      'Retry after Retry-After, and send fewer requests at once. The RateLimit header, if present, says how many are left.',
  },
  too_many_signals: {
    status: 429,
    title: 'Too many unread signals',
    advice: 'Send it again once the run has received some, or send fewer, larger signals.',
  },
  headers_too_large: {
    status: 431,
    title: 'The headers are too large',
    advice: 'Send at most 16 KiB of headers.',
  },
  body_already_parsed: {
    status: 500,
    title: 'The body was already read',
    advice: 'Mount the Holdfast handler before the body parser of your server.',
  },
  schedule_not_found: {
    status: 404,
    title: 'There is no such schedule',
    advice: 'Check the name; GET /v1/schedules lists the schedules there are.',
  },
  schedule_exists: {
    status: 409,
    title: 'There is a schedule of this name already',
    advice: 'Take another name, or change the one that is there with PATCH.',
  },
  schedule_from_config: {
    status: 409,
    title: "The schedule is in the project's config",
    advice: 'Change the config. Pause, resume and trigger work.',
  },
  state_not_found: {
    status: 404,
    title: 'There is no such value in the state',
    advice: 'Check the name, with slashes as %2F; GET /v1/state lists the values there are.',
  },
  precondition_failed: {
    status: 412,
    title: 'The value was changed by somebody else',
    advice: 'Read it again, and send what you want with its new ETag.',
  },
  callback_not_found: {
    status: 404,
    title: 'There is no such callback',
    advice: 'Check the URL. A callback ends when its time is up, and with its run.',
  },
  callback_completed: {
    status: 409,
    title: 'The callback was completed otherwise',
    advice: 'Nothing to do: the first outcome counts.',
  },
  unknown_webhook_source: {
    status: 404,
    title: 'There is no such source of webhooks',
    advice: 'Name the source in the config, or set HOLDFAST_WEBHOOK_<SOURCE>, and send to its name.',
  },
  webhook_signature_invalid: {
    status: 401,
    title: 'The signature of the webhook is not valid',
    advice: 'Check the secret on both sides, the clock of the sender, and that no proxy changes the body.',
  },
  webhook_malformed: {
    status: 400,
    title: 'The webhook cannot be read',
    advice: 'Send a JSON object with the id and the type that its scheme asks for.',
  },
  webhook_id_reused: {
    status: 409,
    title: 'This id was used for another event',
    advice: 'Give each event an id of its own; the same event keeps its id and its body.',
  },
  webhook_endpoint_not_found: {
    status: 404,
    title: 'There is no such webhook endpoint',
    advice: 'Check the id; GET /v1/webhook-endpoints lists the endpoints there are.',
  },
  webhook_delivery_not_found: {
    status: 404,
    title: 'There is no such webhook delivery',
    advice: 'Check the id; GET /v1/webhook-endpoints/{id}/deliveries lists what is kept.',
  },
  webhook_url_refused: {
    status: 422,
    title: 'Webhooks cannot be sent to this URL',
    advice: 'Use https, a public address, and port 443 or one above 1023.',
  },
  encryption_keys_missing: {
    status: 503,
    title: 'Nothing can be stored encrypted',
    advice: 'Set HOLDFAST_ENCRYPTION_KEYS for the API, the same as for the worker.',
  },
  internal_error: {
    status: 500,
    title: 'Something went wrong on our side',
    advice: 'Send the same request with the same Idempotency-Key again. Quote `instance` if it persists.',
  },
  payload_unreadable: {
    status: 500,
    title: 'The payloads of this run cannot be decoded',
    advice:
      'Give the API the `codec`, and the keys in HOLDFAST_ENCRYPTION_KEYS, that they were encoded with.',
  },
  store_unavailable: {
    status: 503,
    title: 'Runs cannot be stored or read right now',
    advice: 'Send the same request with the same Idempotency-Key again after Retry-After seconds.',
  },
  too_many_streams: {
    status: 503,
    title: 'Too many streams are open',
    advice: 'Close streams you no longer need, or connect again after Retry-After seconds.',
  },
} as const satisfies Record<string, ProblemKind>;

export type ProblemCode = keyof typeof PROBLEMS;

/** An error answered as problem details (RFC 9457). */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  /** Names this one occurrence; the log has it as `reqId`. */
  readonly instance: string;
  readonly code: ProblemCode;
  readonly errors?: readonly InputFault[];
  readonly runId?: string;
  /** Minor units. */
  readonly refundableAmount?: number;
}

/** The members that come with some codes only. */
type ProblemMembers = Pick<Problem, 'errors' | 'runId' | 'refundableAmount'>;

/** Thrown anywhere in a request to answer it with a problem. */
export class ProblemError extends Error {
  readonly headers: Readonly<Record<string, string>>;
  readonly members: ProblemMembers;

  constructor(
    readonly code: ProblemCode,
    detail: string,
    more: {
      readonly headers?: Readonly<Record<string, string>>;
      readonly members?: ProblemMembers;
      readonly cause?: unknown;
    } = {},
  ) {
    super(detail, more.cause === undefined ? undefined : { cause: more.cause });
    this.name = 'ProblemError';
    this.headers = more.headers ?? {};
    this.members = more.members ?? {};
  }
}

/**
 * @param requestId names the occurrence
 * @param basePath where clients reach this server
 */
export function describeProblem(error: ProblemError, requestId: string, basePath = ''): Problem {
  const { status, title } = PROBLEMS[error.code];
  return {
    type: `${basePath}/docs/errors#${error.code}`,
    title,
    status,
    detail: error.message,
    instance: `urn:uuid:${requestId}`,
    code: error.code,
    ...error.members,
  };
}
