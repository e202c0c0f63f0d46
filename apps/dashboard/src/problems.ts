import { StoreUnavailableError, UnreadablePayloadError } from '@holdfast/engine';
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { problemPage } from './pages/problem-page.ts';

const TITLES = {
  bad_request: 'The request could not be read',
  login_required: 'Log in to see the dashboard',
  login_locked: 'Too many failed logins',
  read_only: 'This account is read-only',
  cross_site_request: 'The request came from another site',
  page_not_found: 'There is no such page',
  run_not_found: 'There is no such run',
  method_not_allowed: 'The dashboard does not support this',
  result_invalid: 'The result cannot be recorded',
  letter_not_failed: 'This dead letter is not waiting for a retry',
  flow_not_registered: 'No worker can continue this run',
  too_many_redrives: 'Too many bulk redrives are in progress',
  too_many_streams: 'Too many pages are open',
  body_already_parsed: 'The form was already read',
  payload_unreadable: 'The payloads of this run cannot be decoded',
  internal_error: 'Something went wrong on our side',
  store_unavailable: 'Redis is unreachable',
} as const;

export class DashboardProblem extends Error {
  constructor(
    readonly status: number,
    readonly code: keyof typeof TITLES,
    detail: string,
    readonly headers: Readonly<Record<string, string>> = {},
  ) {
    super(detail);
    this.name = 'DashboardProblem';
  }
}

export function storeUnavailable(): DashboardProblem {
  const detail = 'Redis does not answer. Runs continue once it is back.';
  return new DashboardProblem(503, 'store_unavailable', detail, { 'retry-after': '1' });
}

/** Answers a browser with a page, everyone else with problem details (RFC 9457). */
export function answerProblem(
  error: FastifyError | DashboardProblem,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  const problem = toProblem(error);
  if (problem.status === 500) request.log.error({ err: error }, 'request failed');
  const { status, code, message: detail } = problem;
  const title = TITLES[code];
  reply.code(status).headers({ 'cache-control': 'no-store', ...problem.headers });
  if (request.headers.accept?.includes('text/html')) {
    return reply.type('text/html; charset=utf-8').send(problemPage(title, detail));
  }
  return (
    reply
      .type('application/problem+json')
      .serializer(JSON.stringify)
      // Bull Board's page shows `error` and `message` to who clicked.
      .send({ type: 'about:blank', title, status, detail, code, error: title, message: detail })
  );
}

function toProblem(error: FastifyError | DashboardProblem): DashboardProblem {
  if (error instanceof DashboardProblem) return error;
  if (error instanceof StoreUnavailableError) return storeUnavailable();
  if (error instanceof UnreadablePayloadError)
    return new DashboardProblem(500, 'payload_unreadable', `${error.message}.`);
  // The login plugin's own error; it has set WWW-Authenticate already.
  if (error.statusCode === 401) {
    return new DashboardProblem(401, 'login_required', 'Log in with your user name and password.');
  }
  if (error.statusCode !== undefined && error.statusCode >= 400 && error.statusCode < 500) {
    return new DashboardProblem(error.statusCode, 'bad_request', 'The request could not be read.');
  }
  return new DashboardProblem(
    500,
    'internal_error',
    'An unexpected error occurred. The server log has details.',
  );
}
