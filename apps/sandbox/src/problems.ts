import type { FastifyError, FastifyInstance } from 'fastify';
import type { z } from 'zod';
import type { Answer } from './serve.ts';

/** An error as inventory, shipping and the control routes put it: a code for programs, a message for people. */
export function problem(status: number, code: string, message: string, facts: object = {}): Answer {
  return { status, body: { code, message, ...facts } };
}

/** The shape of a fault's answer at inventory and shipping. */
export function failure(status: number, message: string): Answer {
  return problem(status, status === 429 ? 'rate_limited' : 'sandbox_fault', message);
}

/** Stops a request with an answer of its own. */
export class Refused extends Error {
  readonly code = 'refused';
  constructor(readonly answer: Answer) {
    super(`answered ${answer.status}`);
    this.name = 'Refused';
  }
}

/** @throws Refused with a 422 that lists the path of each fault. */
export function parse<T>(schema: z.ZodType<T>, input: unknown): T {
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  const errors = parsed.error.issues.flatMap((issue) =>
    issue.code === 'unrecognized_keys'
      ? issue.keys.map((key) => ({ path: [...issue.path, key].join('.'), message: 'is not known' }))
      : [{ path: issue.path.join('.'), message: issue.message }],
  );
  const summary = errors.map(({ path, message }) => `${path || '(body)'}: ${message}`).join('; ');
  throw new Refused(problem(422, 'invalid_request', summary, { errors }));
}

/** Rubbish, refusals and our own mistakes, all answered in the same shape. */
export function addProblemHandlers(app: FastifyInstance): void {
  app.setErrorHandler<FastifyError>((error, request, reply) => {
    const answer = answerTo(error);
    if (answer.status >= 500) request.log.error({ err: error }, 'could not answer');
    return reply
      .code(answer.status)
      .headers(answer.headers ?? {})
      .send(answer.body);
  });
  app.setNotFoundHandler((request, reply) =>
    reply.code(404).send({
      code: 'not_found',
      message: `Nothing is at ${request.method} ${request.url}. The providers are under /payment, /inventory and /shipping, the controls under /_control.`,
    }),
  );
}

function answerTo(error: FastifyError): Answer {
  if (error instanceof Refused) return error.answer;
  const status = error.statusCode ?? 500;
  if (status >= 500)
    return problem(500, 'internal_error', 'The sandbox could not do this; its log says why.');
  return problem(status, CODES[status] ?? 'bad_request', error.message);
}

const CODES: Readonly<Record<number, string>> = {
  400: 'invalid_json',
  413: 'body_too_large',
  415: 'unsupported_media_type',
};
