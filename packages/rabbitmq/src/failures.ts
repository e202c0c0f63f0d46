import {
  type HoldfastFailure,
  InDoubtError,
  MisconfiguredError,
  RejectedError,
  ThrottledError,
  UnavailableError,
} from '@holdfast/engine';

/** Nothing was sent: there was no connection, or the broker has asked for none for now. */
export class NotSentError extends Error {
  constructor(
    readonly code: 'broker_unreachable' | 'broker_blocked',
    message: string,
    cause?: unknown,
  ) {
    super(message, { cause });
    this.name = 'NotSentError';
  }
}

/** The broker has no queue that the message goes to, and gave it back. */
export class ReturnedError extends Error {
  constructor(
    readonly replyCode: number,
    readonly replyText: string,
  ) {
    super(replyText);
    this.name = 'ReturnedError';
  }
}

/** What the broker refuses in the configuration: exchange, virtual host, user, permissions, arguments. */
const OURS = new Set([
  'NOT_FOUND',
  'ACCESS_REFUSED',
  'NOT_ALLOWED',
  'PRECONDITION_FAILED',
  'NOT_IMPLEMENTED',
]);

/** What a failed publication means for its step. A message that was sent and not confirmed is in doubt. */
export function publishFailure(error: unknown): HoldfastFailure {
  const cause = error;
  const message = `RabbitMQ: ${error instanceof Error ? error.message : String(error)}`;
  if (error instanceof NotSentError) {
    const fault = { code: error.code, message, cause };
    return error.code === 'broker_blocked'
      ? new ThrottledError({ ...fault, unsent: true, retryAfter: '2s' })
      : new UnavailableError(fault);
  }
  if (error instanceof ReturnedError) {
    const text = `RabbitMQ gave the message back: no queue takes it (${error.replyCode} ${error.replyText}); is the queue bound with this routing key?`;
    return new RejectedError({ code: 'message_unroutable', message: text, cause });
  }
  const code = Object(error).code;
  if (code === 'NACK') return new UnavailableError({ code: 'message_nacked', message, cause });
  if (OURS.has(code)) return new MisconfiguredError({ code: String(code).toLowerCase(), message, cause });
  return new InDoubtError({
    code: 'publish_unconfirmed',
    message: `RabbitMQ did not confirm the message: ${error instanceof Error ? error.message : String(error)}`,
    cause,
  });
}
