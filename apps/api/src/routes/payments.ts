import { orderContract, paymentContract } from '@holdfast/flows';
import type { AcceptOptions } from '@holdfast/project';
import type { FastifyInstance } from 'fastify';
import { sendTagged } from '../etag.ts';
import { fingerprintOf } from '../fingerprint.ts';
import { presentPayment } from '../payment-json.ts';
import { principalOf } from '../plugins/authentication.ts';
import { readBody } from '../read-body.ts';
import { findPayment, ORDER, PAYMENT, RefundRequest, submitRefund } from '../refunds.ts';
import { acceptance } from './accept.ts';

type PaymentParams = { Params: { id: string } };

/** Orders; the payment service: create a payment, see how it stands; pay some or all of a payment or order back. */
export async function registerShop(app: FastifyInstance, options: AcceptOptions): Promise<void> {
  const { client } = options;
  const { route, submit, answer } = acceptance(app, options);

  app.post('/v1/orders', route, (request, reply) => submit(request, reply, orderContract.name));

  app.post('/v1/payments', route, (request, reply) => submit(request, reply, paymentContract.name));

  app.get<PaymentParams>('/v1/payments/:id', { config: { access: 'read' } }, async (request, reply) => {
    const payment = await findPayment(client, principalOf(request).tenant, request.params.id);
    request.runId = payment.id;
    return sendTagged(request, reply, await client.withInput(payment), presentPayment);
  });

  for (const [path, source] of [
    ['/v1/payments', PAYMENT],
    ['/v1/orders', ORDER],
  ] as const) {
    app.post<PaymentParams>(`${path}/:id/refunds`, route, async (request, reply) => {
      const { id: paymentId } = request.params;
      const submitted = await submitRefund(client, {
        ...{ paymentId, source, idempotencyKey: request.idempotencyKey, submission: request.submission },
        tenant: principalOf(request).tenant,
        request: readBody(RefundRequest, request.body),
        fingerprint: fingerprintOf('POST', `${path}/${paymentId}/refunds`, request.body),
      });
      return answer(request, reply, submitted);
    });
  }
}
