import { randomUUID } from 'node:crypto';
import type { Socket } from 'node:net';
import { basePathOf, isAnswering } from '@holdfast/app-kit';
import {
  InvalidCursorError,
  InvalidInputError,
  InvalidSignalError,
  InvalidSubmissionError,
  StoreUnavailableError,
  UnknownFlowError,
  UnreadablePayloadError,
} from '@holdfast/engine';
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { describeProblem, PROBLEMS, type ProblemCode, ProblemError } from '../problems.ts';

declare module 'fastify' {
  interface FastifyInstance {
    /** The path below which clients reach this server; empty at the root. */
    basePath: string;
  }
}

/** Every error of this server is answered as problem details, the framework's own ones too. */
export const problems = fp(async (app) => {
  app.setErrorHandler(answerProblem);
  app.setNotFoundHandler((request, reply) =>
    answerProblem(new ProblemError('route_not_found', 'There is nothing at this URL.'), request, reply),
  );
});

export function answerProblem(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const known = toProblemError(error, request);
  const problem = describeProblem(known, request.id, basePathOf(request.raw, request.server.basePath));
  request.problemCode = known.code;
  if (problem.status === 500) request.log.error({ err: error }, 'request failed');
  else if (problem.status > 500)
    request.log.warn({ reason: known.message, cause: reasonOf(error) }, problem.code);
  return reply
    .code(problem.status)
    .headers({ 'cache-control': 'no-store', 'request-id': request.id, ...known.headers })
    .type('application/problem+json')
    .serializer(JSON.stringify)
    .send(problem);
}

/** Answers what Node's HTTP parser refused, which never becomes a request. */
export function answerClientError(error: Error & { readonly code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable || isAnswering(socket)) {
    socket.destroy();
    return;
  }
  const id = randomUUID();
  const problem = describeProblem(
    error.code === 'HPE_HEADER_OVERFLOW'
      ? new ProblemError('headers_too_large', 'The headers are larger than 16 KiB.')
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? new ProblemError('request_timeout', 'The request did not arrive in time.')
        : new ProblemError('request_malformed', 'The request is not valid HTTP.'),
    id,
  );
  const body = JSON.stringify(problem);
  const head = [
    `HTTP/1.1 ${problem.status} ${problem.title}`,
    'Content-Type: application/problem+json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    `Request-Id: ${id}`,
    'Connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy());
}

const FASTIFY_CODES: Readonly<Record<string, ProblemCode>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'body_too_large',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'media_type_unsupported',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'request_malformed',
  FST_ERR_BAD_URL: 'request_malformed',
  FST_ERR_MAX_PARAM_LENGTH: 'route_not_found',
  FST_ERR_NOT_FOUND: 'route_not_found',
};

/** What an error is answered with. */
export function toProblemError(error: unknown, request: FastifyRequest): ProblemError {
  if (error instanceof ProblemError) return error;
  if (error instanceof InvalidInputError) {
    return new ProblemError('validation_failed', `The input of flow "${error.flow}" is not valid.`, {
      members: { errors: error.faults },
    });
  }
  if (error instanceof UnknownFlowError) {
    return new ProblemError('flow_unknown', `There is no flow "${error.flow}".`);
  }
  if (error instanceof InvalidCursorError) {
    return new ProblemError('cursor_invalid', `${capitalized(error.message)}.`, { cause: error });
  }
  if (error instanceof InvalidSubmissionError) {
    return new ProblemError('header_invalid', `${capitalized(error.message)}.`, { cause: error });
  }
  if (error instanceof InvalidSignalError) {
    return new ProblemError('signal_invalid', `${capitalized(error.message)}.`, { cause: error });
  }
  if (error instanceof UnreadablePayloadError) {
    const detail = 'What this run carries was encoded with a codec, or a key, that the API does not have.';
    return new ProblemError('payload_unreadable', detail, { cause: error });
  }
  if (error instanceof StoreUnavailableError) {
    return new ProblemError('store_unavailable', whenToAskAgain(request), {
      headers: { 'retry-after': '1' },
      cause: error,
    });
  }
  const code = isFastifyError(error) ? FASTIFY_CODES[error.code] : undefined;
  if (code !== undefined) return new ProblemError(code, `${PROBLEMS[code].title}. ${PROBLEMS[code].advice}`);
  if (isFastifyError(error) && error.statusCode !== undefined && error.statusCode < 500) {
    return new ProblemError('request_malformed', 'The request could not be read.', { cause: error });
  }
  return new ProblemError(
    'internal_error',
    'An unexpected error occurred. The server log has details under this `instance`.',
    {
      cause: error,
    },
  );
}

/** In words: an error of Redis' carries the command that it was given, payloads included. */
function reasonOf(error: unknown): string | undefined {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error ? cause.message.slice(0, 200) : undefined;
}

function whenToAskAgain({ method, headers }: FastifyRequest): string {
  if (method === 'GET' || method === 'HEAD') return 'The store did not answer in time. Retry in a moment.';
  return headers['idempotency-key'] === undefined
    ? 'The store did not confirm in time. The change may have been made: check before you retry.'
    : 'The store did not confirm in time. Send the same request with the same Idempotency-Key again.';
}

function capitalized(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function isFastifyError(error: unknown): error is FastifyError {
  return error instanceof Error && 'code' in error && typeof error.code === 'string';
}
