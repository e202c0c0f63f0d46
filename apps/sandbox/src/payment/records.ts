import { z } from 'zod';

/** What Stripe lets a caller attach to an object. */
export const Metadata = z.record(z.string(), z.string());

export const Decline = z.object({ code: z.string(), declineCode: z.string(), message: z.string() });
export type Decline = z.infer<typeof Decline>;

const intent = {
  id: z.string(),
  amount: z.int(),
  currency: z.string(),
  /** Unix seconds. */
  created: z.int(),
  description: z.string().nullable(),
  metadata: Metadata,
  /** Parameters that are kept and shown, and change nothing else. */
  shown: z.record(z.string(), z.unknown()),
};

/** A payment intent as far as the sandbox models it. */
export const Intent = z.discriminatedUnion('status', [
  z.object({
    ...intent,
    status: z.literal('requires_payment_method'),
    failure: z.object({ chargeId: z.string(), decline: Decline }).optional(),
  }),
  z.object({ ...intent, status: z.literal('requires_confirmation'), paymentMethod: z.string() }),
  z.object({
    ...intent,
    status: z.literal('requires_action'),
    paymentMethod: z.string(),
    /** Where the customer confirms it, or does not. */
    actionUrl: z.string(),
    returnUrl: z.string().optional(),
    /** Of the request that confirmed it, for the effect that may come. */
    idempotencyKey: z.string().nullable(),
  }),
  z.object({ ...intent, status: z.literal('canceled') }),
  z.object({
    ...intent,
    status: z.literal('processing'),
    paymentMethod: z.string(),
    chargeId: z.string(),
    settlesAtMs: z.number(),
    /** Absent: it succeeds. */
    decline: Decline.optional(),
    /** Of the request that confirmed it, for the effect that is still to come. */
    idempotencyKey: z.string().nullable(),
  }),
  z.object({
    ...intent,
    status: z.literal('succeeded'),
    paymentMethod: z.string(),
    chargeId: z.string(),
  }),
]);
export type Intent = z.infer<typeof Intent>;
export type IntentIn<S extends Intent['status']> = Extract<Intent, { status: S }>;

export const Refund = z.object({
  id: z.string(),
  intentId: z.string(),
  chargeId: z.string(),
  amount: z.int(),
  currency: z.string(),
  created: z.int(),
  reason: z.string().nullable(),
  metadata: Metadata,
  status: z.enum(['succeeded', 'pending', 'failed']).default('succeeded'),
  /** While it is pending: when it is decided, how, and under which key it was asked for. */
  settles: z
    .object({
      atMs: z.number(),
      to: z.enum(['succeeded', 'failed']),
      idempotencyKey: z.string().nullable(),
    })
    .optional(),
});
export type Refund = z.infer<typeof Refund>;

/** What was answered under an Idempotency-Key, to be answered again. */
export const Playback = z.object({
  key: z.string(),
  /** Of the endpoint and its parameters. */
  fingerprint: z.string(),
  requestId: z.string(),
  status: z.int(),
  body: z.unknown(),
});
export type Playback = z.infer<typeof Playback>;

/** A webhook event until somebody has taken it. */
export const Notice = z.object({
  id: z.string(),
  type: z.string(),
  created: z.int(),
  object: z.unknown(),
});
export type Notice = z.infer<typeof Notice>;

/** One change of the payment provider's state; a request's result and its playback are one. */
export const PaymentChange = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('answered'),
    intent: Intent.optional(),
    refund: Refund.optional(),
    playback: Playback.optional(),
  }),
  z.object({
    type: z.literal('settled'),
    intent: Intent.optional(),
    refund: Refund.optional(),
    notice: Notice.optional(),
  }),
  z.object({ type: z.literal('notified'), noticeId: z.string() }),
]);
export type PaymentChange = z.infer<typeof PaymentChange>;
