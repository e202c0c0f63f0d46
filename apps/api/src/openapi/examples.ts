export const ORDER_EXAMPLE = {
  customer: { id: 'cus_1', email: 'ada@example.com', name: 'Ada' },
  items: [{ sku: 'TEE-M', quantity: 2, unitAmount: 1900 }],
  currency: 'usd',
  paymentMethod: 'pm_card_visa',
  shipTo: { name: 'Ada', line1: '1 Main St', city: 'Springfield', postalCode: '12345', country: 'US' },
};

const accepted = {
  id: 'run_3n5d8k2q7v9x1c4b6m0w',
  flow: 'order',
  version: 2,
  generation: 1,
  idempotencyKey: 'order-1001',
};

export const PENDING_RUN_EXAMPLE = {
  ...accepted,
  status: 'pending',
  steps: [],
  createdAt: '2026-03-02T03:12:00.000Z',
  updatedAt: '2026-03-02T03:12:00.000Z',
};

export const COMPLETED_RUN_EXAMPLE = {
  ...accepted,
  status: 'completed',
  output: {
    chargeId: 'pi_2b7f',
    reservationId: 'run_3n5d8k2q7v9x1c4b6m0w.1.reserve',
    trackingNumber: 'TRK00000042',
    messageId: '<run_3n5d8k2q7v9x1c4b6m0w.1.email@holdfast>',
  },
  steps: ['charge', 'reserve', 'ship', 'email'].map((name, i) => ({
    name,
    status: 'completed',
    attempts: 1,
    startedAt: `2026-03-02T03:12:00.${i}00Z`,
    finishedAt: `2026-03-02T03:12:00.${i}90Z`,
  })),
  createdAt: '2026-03-02T03:12:00.000Z',
  updatedAt: '2026-03-02T03:12:00.390Z',
  finishedAt: '2026-03-02T03:12:00.390Z',
};

export const FAILED_RUN_EXAMPLE = {
  ...accepted,
  status: 'failed',
  error: { code: 'card_declined', message: 'Your card was declined.', step: 'charge', kind: 'rejected' },
  steps: [
    {
      name: 'charge',
      status: 'failed',
      attempts: 1,
      startedAt: '2026-03-02T03:12:00.010Z',
      finishedAt: '2026-03-02T03:12:00.090Z',
      error: { code: 'card_declined', message: 'Your card was declined.', kind: 'rejected' },
    },
  ],
  createdAt: '2026-03-02T03:12:00.000Z',
  updatedAt: '2026-03-02T03:12:00.100Z',
  finishedAt: '2026-03-02T03:12:00.100Z',
};

export const DEAD_RUN_EXAMPLE = {
  ...accepted,
  status: 'dead',
  error: {
    ...{ code: 'service_unavailable', message: 'shipping answered 503 in 8 attempts' },
    ...{ step: 'ship', kind: 'exhausted' },
  },
  steps: [
    ...COMPLETED_RUN_EXAMPLE.steps.slice(0, 2),
    {
      name: 'ship',
      status: 'failed',
      attempts: 8,
      startedAt: '2026-03-02T03:12:00.200Z',
      error: { code: 'service_unavailable', message: 'shipping answered 503', kind: 'unavailable' },
    },
  ],
  createdAt: '2026-03-02T03:12:00.000Z',
  updatedAt: '2026-03-02T03:14:00.000Z',
};

/** Of the route that accepts orders. */
export const ORDER_EXAMPLES = {
  body: ORDER_EXAMPLE,
  pending: PENDING_RUN_EXAMPLE,
  completed: COMPLETED_RUN_EXAMPLE,
  failed: FAILED_RUN_EXAMPLE,
};
