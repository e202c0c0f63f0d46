import { orderContract, paymentContract, refundContract } from '@holdfast/flows';
import type { Routes } from '@holdfast/project';
import { ORDER_EXAMPLES } from './openapi/examples.ts';
import { PAYMENT_INPUT_EXAMPLE, PAYMENT_RUN_EXAMPLES } from './openapi/payment-examples.ts';
import { paymentPaths } from './openapi/payment-paths.ts';
import { jsonSchema } from './openapi/schemas.ts';
import { submitOperation } from './openapi/submit-operation.ts';
import { PaymentJson } from './payment-json.ts';
import { RefundRequest } from './refunds.ts';
import { registerShop } from './routes/payments.ts';

/** `/v1/orders`, `/v1/payments` and their refunds, for a config that has the flows `order`, `payment` and `refund`. */
export const shopRoutes: Routes = {
  paths: {
    '/v1/orders': {
      post: submitOperation({
        operationId: 'submitOrder',
        tag: 'Runs',
        summary: 'Accept an order',
        description:
          'Charges, reserves, ships and mails an order. The amount charged is the sum of quantity × unitAmount, in minor units.',
        bodySchema: { $ref: '#/components/schemas/OrderInput' },
        examples: ORDER_EXAMPLES,
      }),
    },
    ...paymentPaths(),
  },
  schemas: {
    Payment: jsonSchema(PaymentJson, 'output'),
    RefundRequest: jsonSchema(RefundRequest, 'input'),
  },
  examples: {
    [orderContract.name]: ORDER_EXAMPLES,
    [paymentContract.name]: { body: PAYMENT_INPUT_EXAMPLE, ...PAYMENT_RUN_EXAMPLES },
  },
  /** A refund's amount is taken from its payment as the refund is created; without that it would pay out what others have taken. */
  acceptedThereAlone: {
    [refundContract.name]: '/v1/payments/{id}/refunds or /v1/orders/{id}/refunds',
  },
  acceptedAt: { [orderContract.name]: '/v1/orders', [paymentContract.name]: '/v1/payments' },
  register: registerShop,
};
