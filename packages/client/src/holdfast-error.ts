export interface Fault {
  readonly path: string;
  readonly message: string;
}

/** The API refused, could not be reached, or a wait took too long. */
export class HoldfastError extends Error {
  /** The HTTP status; 0 when there was no answer. */
  readonly status: number;
  /** Stable: a code of the API, or `network_failed`, `unexpected_answer`, `wait_timeout`. */
  readonly code: string;
  /** With `validation_failed` and `query_invalid`: each fault and where it is. */
  readonly errors: readonly Fault[];
  /** Seconds until it is worth trying again, if the API said so. */
  readonly retryAfter: number | undefined;

  constructor(what: {
    readonly status: number;
    readonly code: string;
    readonly message: string;
    readonly errors?: readonly Fault[] | undefined;
    readonly retryAfter?: number | undefined;
    readonly cause?: unknown;
  }) {
    super(what.message, what.cause === undefined ? undefined : { cause: what.cause });
    this.name = 'HoldfastError';
    this.status = what.status;
    this.code = what.code;
    this.errors = what.errors ?? [];
    this.retryAfter = what.retryAfter;
  }
}

/** Reads an answer that is not a success. */
export function errorOf(response: Response, body: unknown, now: number = Date.now()): HoldfastError {
  const problem = typeof body === 'object' && body !== null ? body : {};
  const { status } = response;
  return new HoldfastError({
    status,
    code: 'code' in problem && typeof problem.code === 'string' ? problem.code : 'unexpected_answer',
    message:
      'detail' in problem && typeof problem.detail === 'string'
        ? problem.detail
        : `The server answered ${status} without a problem document. Check that \`url\` is the address of the API.`,
    errors: 'errors' in problem && Array.isArray(problem.errors) ? problem.errors.filter(isFault) : [],
    retryAfter: secondsOf(response.headers.get('retry-after'), now),
  });
}

function isFault(value: unknown): value is Fault {
  return (
    typeof value === 'object' &&
    value !== null &&
    'path' in value &&
    typeof value.path === 'string' &&
    'message' in value &&
    typeof value.message === 'string'
  );
}

/** `Retry-After` as seconds or as a date (RFC 9110). */
function secondsOf(header: string | null, now: number): number | undefined {
  if (header === null) return undefined;
  if (/^\d+$/.test(header)) return Number(header);
  const at = Date.parse(header);
  return Number.isNaN(at) ? undefined : Math.max(0, Math.ceil((at - now) / 1000));
}
