export const PAYMENT_INPUT_EXAMPLE = {
  amount: 3800,
  currency: 'usd',
  customerId: 'cus_1',
  paymentMethod: 'pm_card_visa',
  description: 'Two T-shirts',
};

export const REFUND_REQUEST_EXAMPLE = { amount: 1900, reason: 'One of them did not fit' };

const PAYMENT_ID = 'run_3n5d8k2q7v9x1c4b6m0w';
const AT = {
  createdAt: '2026-03-02T03:12:00.000Z',
  startedAt: '2026-03-02T03:12:00.010Z',
  finishedAt: '2026-03-02T03:12:00.100Z',
};
const DECLINED = {
  code: 'card_declined',
  message: 'payment charge: Your card has insufficient funds.',
  kind: 'rejected',
  details: { type: 'card_error', declineCode: 'insufficient_funds' },
};

const payment = {
  id: PAYMENT_ID,
  flow: 'payment',
  version: 2,
  generation: 1,
  idempotencyKey: 'payment-1001',
};
const refund = {
  id: 'run_8w1x6c0v2b9n4m7k3j5h',
  flow: 'refund',
  version: 2,
  generation: 1,
  idempotencyKey: 'refund-1001',
};

const pending = { status: 'pending', steps: [], createdAt: AT.createdAt, updatedAt: AT.createdAt };
const ended = { createdAt: AT.createdAt, updatedAt: AT.finishedAt, finishedAt: AT.finishedAt };
const step = { attempts: 1, startedAt: AT.startedAt, finishedAt: AT.finishedAt };
const completed = (name: string) => ({
  status: 'completed',
  steps: [{ name, status: 'completed', ...step }],
  ...ended,
});
const failed = (name: string, error: object) => ({
  status: 'failed',
  error: { ...error, step: name },
  steps: [{ name, status: 'failed', ...step, error }],
  ...ended,
});

const { paymentMethod: _, ...shown } = PAYMENT_INPUT_EXAMPLE;

export const PAYMENT_RUN_EXAMPLES = {
  pending: { ...payment, ...pending },
  completed: {
    ...payment,
    ...completed('charge'),
    output: { id: PAYMENT_ID, ...shown, status: 'completed', chargeId: 'pi_2b7f' },
  },
  failed: { ...payment, ...failed('charge', DECLINED) },
};

export const REFUND_RUN_EXAMPLES = {
  pending: { ...refund, ...pending },
  completed: { ...refund, ...completed('refund'), output: { paymentId: PAYMENT_ID, amount: 1900 } },
  failed: {
    ...refund,
    ...failed('refund', {
      code: 'refund_failed',
      message: 'payment refund: re_7c1d is "failed"; the money has not gone back',
      kind: 'rejected',
    }),
  },
};

export const PAYMENT_EXAMPLES = {
  pending: { id: PAYMENT_ID, ...shown, status: 'pending', refundedAmount: 0, createdAt: AT.createdAt },
  partially_refunded: {
    ...{ id: PAYMENT_ID, ...shown, status: 'partially_refunded', chargeId: 'pi_2b7f', refundedAmount: 1900 },
    ...{ createdAt: AT.createdAt, completedAt: AT.finishedAt },
  },
  failed: {
    ...{ id: PAYMENT_ID, ...shown, status: 'failed', refundedAmount: 0, createdAt: AT.createdAt },
    error: { ...DECLINED, step: 'charge' },
  },
};
