import formbody from '@fastify/formbody';
import type {
  FastifyError,
  FastifyInstance,
  FastifyPluginAsync,
  FastifyReply,
  FastifyRequest,
} from 'fastify';
import qs from 'qs';
import type { Faults, Operation } from '../faults.ts';
import { Refused } from '../problems.ts';
import { type Answer, idempotencyKeyOf, serve } from '../serve.ts';
import { faultAnswer, refuse, stripeError } from './errors.ts';
import { answerOnce, checkKey, fingerprintOf, inProgress } from './idempotency.ts';
import {
  CancelIntent,
  ConfirmIntent,
  CreateIntent,
  CreateRefund,
  ListIntents,
  ListRefunds,
  parseParameters,
  RetrieveIntent,
  RetrieveRefund,
} from './parameters.ts';
import type { Decision, Payments } from './payments.ts';

type ById = { Params: { id: string } };

/** Stripe's API, as far as paying by card and paying back need it: form-encoded, behind a Bearer key. */
export function paymentRoutes(payments: Payments, faults: Faults): FastifyPluginAsync {
  const post = keyedPosts(payments, faults);

  return async (app) => {
    await speakStripe(app);

    app.post('/payment_intents', async (request, reply) => {
      const confirmed = isRecord(request.body) && request.body.confirm === 'true';
      return post(request, reply, '/payment_intents', confirmed ? 'charge' : 'create', (key) =>
        payments.create(parseParameters(CreateIntent, request.body), key, originOf(request)),
      );
    });
    app.post<ById>('/payment_intents/:id/confirm', async (request, reply) => {
      const { id } = request.params;
      return post(request, reply, `/payment_intents/${id}/confirm`, 'charge', (key) =>
        payments.confirm(id, parseParameters(ConfirmIntent, request.body), key, originOf(request)),
      );
    });
    app.post<ById>('/payment_intents/:id/cancel', async (request, reply) => {
      const { id } = request.params;
      return post(request, reply, `/payment_intents/${id}/cancel`, 'cancel', () => {
        parseParameters(CancelIntent, request.body);
        return payments.cancel(id);
      });
    });
    app.post('/refunds', async (request, reply) =>
      post(request, reply, '/refunds', 'refund', (key) =>
        payments.refund(parseParameters(CreateRefund, request.body), key),
      ),
    );

    const get = (request: FastifyRequest, reply: FastifyReply, work: () => Answer) =>
      serve(faults, request, reply, { provider: 'payment', operation: 'retrieve', work, fail: faultAnswer });
    app.get('/payment_intents', async (request, reply) =>
      get(request, reply, () => payments.listIntents(parseParameters(ListIntents, request.query))),
    );
    app.get<ById>('/payment_intents/:id', async (request, reply) =>
      get(request, reply, () =>
        payments.retrieve(request.params.id, parseParameters(RetrieveIntent, request.query).expand),
      ),
    );
    app.get('/refunds', async (request, reply) =>
      get(request, reply, () => payments.listRefunds(parseParameters(ListRefunds, request.query))),
    );
    app.get<ById>('/refunds/:id', async (request, reply) =>
      get(request, reply, () => {
        parseParameters(RetrieveRefund, request.query);
        return payments.retrieveRefund(request.params.id);
      }),
    );
  };
}

function originOf({ protocol, host }: FastifyRequest): string {
  return `${protocol}://${host}`;
}

/** POSTs under their Idempotency-Key; a key is in progress until its first request has been answered or lost. */
function keyedPosts(payments: Payments, faults: Faults) {
  const busy = new Set<string>();

  return async (
    request: FastifyRequest,
    reply: FastifyReply,
    path: string,
    operation: Operation<'payment'>,
    decide: (key: string | null) => Decision,
  ): Promise<unknown> => {
    const key = idempotencyKeyOf(request);
    checkKey(key);
    if (key !== null && busy.has(key)) throw new Refused(inProgress(key));
    const keyed = { key, requestId: request.id, fingerprint: fingerprintOf(path, request.body) };
    if (key !== null) busy.add(key);
    try {
      return await serve(faults, request, reply, {
        provider: 'payment',
        operation,
        work: () => answerOnce(payments, keyed, () => decide(key)),
        fail: (status, message) => {
          const answer = faultAnswer(status, message);
          return happensInside(status) ? answerOnce(payments, keyed, () => ({ answer })) : answer;
        },
      });
    } finally {
      if (key !== null) busy.delete(key);
    }
  };
}

/** A 500 comes from within processing, and is kept under the key; refusals and a gateway's 502, 503 and 504 come before it. */
function happensInside(status: number): boolean {
  return status >= 500 && ![502, 503, 504].includes(status);
}

/** Stripe's encoding, authentication, headers and error shape for all routes of the plugin. */
async function speakStripe(app: FastifyInstance): Promise<void> {
  app.removeAllContentTypeParsers();
  await app.register(formbody, { parser: (form) => qs.parse(form) });

  app.addHook('onRequest', async (request, reply) => {
    reply.header('request-id', request.id);
    for (const name of ['stripe-version', 'idempotency-key'] as const) {
      const value = request.headers[name];
      if (value) reply.header(name, value);
    }
    authenticate(request.headers.authorization);
  });
  app.setErrorHandler<FastifyError>((error, request, reply) => {
    const answer = error instanceof Refused ? error.answer : unforeseen(error);
    if (answer.status >= 500) request.log.error({ err: error }, 'could not answer');
    return reply
      .code(answer.status)
      .headers(answer.headers ?? {})
      .send(answer.body);
  });
  app.setNotFoundHandler((request) => {
    const message = `Unrecognized request URL (${request.method}: ${request.url}). The sandbox serves payment intents (create, confirm, cancel, retrieve, list) and refunds (create, retrieve, list).`;
    throw refuse(404, { message });
  });
}

/** @throws Refused with a 401 unless the key looks like one of Stripe's. */
function authenticate(authorization: string | undefined): void {
  const key = /^Bearer (\S+)$/i.exec(authorization ?? '')?.[1];
  if (key !== undefined && /^(sk|rk)_/.test(key)) return;
  const message =
    key === undefined
      ? 'You did not provide an API key. Send it as a Bearer token: Authorization: Bearer sk_…'
      : 'Invalid API Key provided. The sandbox takes any key that starts with sk_ or rk_.';
  throw refuse(401, { message });
}

function unforeseen(error: FastifyError): Answer {
  const status = error.statusCode ?? 500;
  if (status === 415)
    return stripeError(400, { message: 'Send parameters as application/x-www-form-urlencoded.' });
  if (status < 500) return stripeError(status, { message: error.message });
  return stripeError(500, {
    type: 'api_error',
    message: 'The sandbox could not do this; its log says why.',
  });
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
