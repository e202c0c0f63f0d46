import { jsonContent } from './json-content.ts';
import {
  PAYMENT_EXAMPLES,
  PAYMENT_INPUT_EXAMPLE,
  PAYMENT_RUN_EXAMPLES,
  REFUND_REQUEST_EXAMPLE,
  REFUND_RUN_EXAMPLES,
} from './payment-examples.ts';
import { readOperation } from './read-operation.ts';
import { submitOperation } from './submit-operation.ts';

/** The payment service. */
export function paymentPaths(): Record<string, object> {
  return {
    '/v1/payments': {
      post: submitOperation({
        operationId: 'createPayment',
        tag: 'Payments',
        summary: 'Charge a card',
        description: "Accepts a run of the flow `payment`; its id is the payment's.",
        bodySchema: { $ref: '#/components/schemas/PaymentInput' },
        examples: { body: PAYMENT_INPUT_EXAMPLE, ...PAYMENT_RUN_EXAMPLES },
      }),
    },
    '/v1/payments/{id}': {
      get: readOperation({
        operationId: 'readPayment',
        tag: 'Payments',
        summary: 'Show a payment',
        description: 'As it is recorded; the provider is not asked. A failed payment is a 200 as well.',
        shows: 'The payment.',
        content: jsonContent('Payment', PAYMENT_EXAMPLES),
        notFound: 'payment_not_found',
      }),
    },
    '/v1/payments/{id}/refunds': refundPath('payment', 'refundPayment', 'payment_not_found'),
    '/v1/orders/{id}/refunds': refundPath('order', 'refundOrder', 'order_not_found'),
  };
}

function refundPath(noun: string, operationId: string, notFound: 'payment_not_found' | 'order_not_found') {
  return {
    post: submitOperation({
      operationId,
      tag: 'Payments',
      summary: `Pay back what was charged for a${noun === 'order' ? 'n order' : ' payment'}, or a part of it`,
      description:
        `Accepts a run of the flow \`refund\` and takes its amount from the ${noun} in one step, so that refunds never pay out more ` +
        'than was paid, however many are sent at once. A refund that fails, or is cancelled before it paid, gives its amount back. ' +
        `The same key for another ${noun} is another request.`,
      parameters: [{ name: 'id', in: 'path', required: true, schema: { type: 'string' } }],
      bodySchema: { $ref: '#/components/schemas/RefundRequest' },
      examples: { body: REFUND_REQUEST_EXAMPLE, ...REFUND_RUN_EXAMPLES },
      problems: ['route_not_found', notFound, 'payment_not_refundable', 'refund_exceeds_payment'],
    }),
  };
}
