import { randomInt, randomUUID } from 'node:crypto';
import formbody from '@fastify/formbody';
import type { FastifyPluginAsync, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Faults } from './faults.ts';
import type { Ledger, Recorder } from './ledger.ts';
import { oauthError, type TokenIssuer } from './oauth.ts';
import { failure, parse, problem, Refused } from './problems.ts';
import { type Answer, idempotencyKeyOf, serve } from './serve.ts';

const text = (max: number) => z.string().trim().min(1).max(max);

const LabelRequest = z.object({
  reference: text(500),
  to: z.object({
    name: text(200),
    line1: text(200),
    line2: text(200).optional(),
    city: text(100),
    state: text(100).optional(),
    postalCode: text(20).optional(),
    country: z.string().regex(/^[A-Z]{2}$/, 'expected an ISO 3166-1 alpha-2 code such as "US"'),
  }),
  items: z
    .array(z.object({ sku: text(200), quantity: z.int().min(1) }))
    .min(1)
    .max(1000),
});
type LabelRequest = z.infer<typeof LabelRequest>;
const LabelPath = z.object({ id: z.string() });
const LabelQuery = z.object({ reference: text(500) });

const Label = z.object({
  id: z.string(),
  reference: z.string(),
  trackingNumber: z.string(),
  status: z.enum(['purchased', 'voided']),
  to: z.string(),
});
type Label = z.infer<typeof Label>;

const Change = z.discriminatedUnion('type', [
  z.object({ type: z.literal('bought'), label: Label }),
  z.object({ type: z.literal('voided'), id: z.string() }),
]);
type Change = z.infer<typeof Change>;

/** Labels bought so far. Buying is not idempotent: every request that gets through is a label. */
class Shipping {
  readonly #labels = new Map<string, Label>();
  readonly #recorder: Recorder<Change>;

  constructor(ledger: Ledger) {
    this.#recorder = ledger.attach<Change>({
      provider: 'shipping',
      change: Change,
      apply: (change) => {
        if (change.type === 'bought') this.#labels.set(change.label.id, change.label);
        else {
          const label = this.#labels.get(change.id);
          if (label) this.#labels.set(label.id, { ...label, status: 'voided' });
        }
      },
      forget: () => this.#labels.clear(),
    });
  }

  buy({ reference, to }: LabelRequest, idempotencyKey: string | null): Label | undefined {
    if (to.country === 'ZZ') return undefined;
    const label: Label = {
      id: `lbl_${randomUUID().replaceAll('-', '')}`,
      reference,
      trackingNumber: `1Z${String(randomInt(1e12)).padStart(12, '0')}`,
      status: 'purchased',
      to: [
        to.name,
        to.line1,
        to.line2,
        [to.postalCode, to.city].filter(Boolean).join(' '),
        to.state,
        to.country,
      ]
        .filter(Boolean)
        .join('\n'),
    };
    this.#recorder.commit(
      { type: 'bought', label },
      {
        operation: 'label',
        reference,
        idempotencyKey,
        id: label.id,
        trackingNumber: label.trackingNumber,
      },
    );
    return label;
  }

  find(reference: string): Label[] {
    return [...this.#labels.values()].filter((label) => label.reference === reference);
  }

  get(id: string): Label | undefined {
    return this.#labels.get(id);
  }

  void(id: string, idempotencyKey: string | null): Answer {
    const label = this.#labels.get(id);
    if (!label) return noSuchLabel(id);
    if (label.status === 'purchased')
      this.#recorder.commit(
        { type: 'voided', id },
        { operation: 'void', reference: label.reference, idempotencyKey, id },
      );
    return { status: 200, body: { id, reference: label.reference, status: 'voided' } };
  }
}

/** Labels and their look-up, behind OAuth 2 client credentials. */
export function shippingRoutes(ledger: Ledger, faults: Faults, tokens: TokenIssuer): FastifyPluginAsync {
  const shipping = new Shipping(ledger);
  return async (app) => {
    await app.register(formbody);
    app.post('/oauth/token', async (request, reply) =>
      serve(faults, request, reply, {
        provider: 'shipping',
        operation: 'token',
        work: () =>
          tokens.issue(
            request.headers.authorization,
            request.body,
            () => faults.take('shipping', 'token', 'issue') !== undefined,
          ),
        fail: (status, message) =>
          oauthError(status, status >= 500 ? 'server_error' : 'invalid_request', message),
      }),
    );

    // For people: the address behind `labelUrl` opens in a browser, which has no token.
    app.get('/labels/:id', async (request, reply) => {
      const { id } = parse(LabelPath, request.params);
      const label = shipping.get(id);
      if (!label) throw new Refused(noSuchLabel(id));
      reply.type('text/plain; charset=utf-8');
      return `${label.status === 'voided' ? 'VOID\n' : ''}${label.trackingNumber}\n\n${label.to}\n`;
    });

    await app.register(async (guarded) => {
      guarded.addHook('onRequest', async (request) => {
        if (tokens.accepts(request.headers.authorization)) return;
        const answer = problem(401, 'unauthorized', 'Send a bearer token from POST /oauth/token.');
        throw new Refused({ ...answer, headers: { 'www-authenticate': 'Bearer error="invalid_token"' } });
      });

      guarded.post('/labels', async (request, reply) => {
        const order = parse(LabelRequest, request.body);
        return serve(faults, request, reply, {
          provider: 'shipping',
          operation: 'label',
          work: () => {
            const label = shipping.buy(order, idempotencyKeyOf(request));
            if (!label) return problem(422, 'invalid_address', 'No carrier delivers to country ZZ.');
            return { status: 201, body: shown(label, request) };
          },
          fail: failure,
        });
      });
      guarded.get('/labels', async (request, reply) => {
        const { reference } = parse(LabelQuery, request.query);
        return serve(faults, request, reply, {
          provider: 'shipping',
          operation: 'find',
          work: () => ({
            status: 200,
            body: { labels: shipping.find(reference).map((label) => shown(label, request)) },
          }),
          fail: failure,
        });
      });
      guarded.post('/labels/:id/void', async (request, reply) => {
        const { id } = parse(LabelPath, request.params);
        return serve(faults, request, reply, {
          provider: 'shipping',
          operation: 'void',
          work: () => shipping.void(id, idempotencyKeyOf(request)),
          fail: failure,
        });
      });
    });
  };
}

function noSuchLabel(id: string): Answer {
  return problem(404, 'label_not_found', `There is no label ${id}.`);
}

function shown({ id, reference, trackingNumber, status }: Label, request: FastifyRequest) {
  const labelUrl = `${request.protocol}://${request.host}/shipping/labels/${id}`;
  return { id, reference, status, trackingNumber, labelUrl };
}
