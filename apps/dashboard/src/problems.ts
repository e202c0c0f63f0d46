import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';

const TITLES = {
  bad_request: 'The request could not be read',
  login_required: 'Log in to see the dashboard',
  cross_site_request: 'The request came from another site',
  page_not_found: 'There is no such page',
  method_not_allowed: 'The dashboard does not do this',
  letter_not_failed: 'This letter does not wait for a retry',
  internal_error: 'Something went wrong on our side',
  store_unavailable: 'Redis is away',
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
    return reply.type('text/html; charset=utf-8').send(page(title, detail));
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
  // The login plugin's own error; it has set WWW-Authenticate already.
  if (error.statusCode === 401) {
    return new DashboardProblem(401, 'login_required', 'Log in with your user name and password.');
  }
  if (error.statusCode !== undefined && error.statusCode >= 400 && error.statusCode < 500) {
    return new DashboardProblem(error.statusCode, 'bad_request', 'The request could not be read.');
  }
  return new DashboardProblem(500, 'internal_error', 'An unexpected error occurred; the log has it.');
}

/** The arguments are texts of ours, nothing from outside. */
function page(title: string, detail: string): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title} · Holdfast</title>
<style>
  :root { color-scheme: light dark; }
  body { max-width: 36rem; margin: 0 auto; padding: 48px 16px; font: 15px/22px system-ui, sans-serif; }
  h1 { font-size: 20px; line-height: 28px; margin: 0 0 8px; }
</style>
<h1>${title}</h1>
<p>${detail}</p>
<p><a href="/">Try again</a></p>
</html>
`;
}
