import type { NextAction, StepCall } from '@holdfast/engine';
import { z } from 'zod';

/** Payment methods by the name of the provider that knows them: one belongs to one account. */
export const PaymentMethods = z
  .strictObject({
    payment: z.string().trim().min(1).max(200).optional(),
    'payment-fallback': z.string().trim().min(1).max(200).optional(),
  })
  .meta({
    description:
      'Payment methods by provider. Without one for the second, a charge waits for the first; `payment` stands in for `paymentMethod`.',
  });
export type PaymentMethods = z.infer<typeof PaymentMethods>;

export const ReturnUrl = z
  .url({ protocol: /^https?$/ })
  .max(2_000)
  .meta({ description: 'Where the customer comes back to after a confirmation at their bank.' });

export interface ChargeRequest {
  /** Minor units of `currency`. */
  readonly amount: number;
  readonly currency: string;
  readonly paymentMethod: string;
  readonly paymentMethods?: PaymentMethods | undefined;
  readonly customerId: string;
  readonly description: string;
  /** Absent: a charge that the customer would have to confirm is refused. */
  readonly returnUrl?: string | undefined;
}

/** A charge that was made, or that its provider decides on later. */
export interface Charge {
  readonly chargeId: string;
  /** The provider has taken it on and will say later what came of it. */
  readonly pending?: true;
  readonly nextAction?: NextAction;
}

export interface Refund {
  readonly refundId: string;
  /** The provider has taken it on; it may fail yet. */
  readonly pending?: true;
}

/** What was charged, or is to be paid back of it. */
export interface ChargedAmount {
  readonly chargeId: string;
  /** Minor units. */
  readonly amount: number;
  readonly currency: string;
}

/** A payment provider. `call.idempotencyKey` makes a repeat of every call safe. */
export interface Payments {
  charge(request: ChargeRequest, call: StepCall): Promise<Charge>;
  /** How a charge stands. @throws RejectedError for one that has failed */
  readCharge(charged: ChargedAmount, call: StepCall): Promise<Charge>;
  /**
   * Cancels a charge that was pending, or pays it back, and is done once no money of it stands.
   * @param charged.pending it was, when it was made
   */
  takeBack(charged: ChargedAmount & { readonly pending?: boolean }, call: StepCall): Promise<void>;
  refund(request: Pick<ChargedAmount, 'chargeId' | 'amount'>, call: StepCall): Promise<Refund>;
  /** How a refund stands. @throws RejectedError for one that has failed */
  readRefund(refundId: string, call: StepCall): Promise<Refund>;
  /** Done once it is certain what became of a refund: `stands` when it has paid back. */
  endRefund(refundId: string, call: StepCall): Promise<'stands' | undefined>;
  /** As version 1 of the flows has it: its runs send the bytes that they sent before. */
  readonly v1: PaymentsOfVersion1;
}

export interface PaymentsOfVersion1 {
  charge(
    request: Pick<ChargeRequest, 'amount' | 'currency' | 'paymentMethod' | 'description'>,
    call: StepCall,
  ): Promise<{ readonly chargeId: string }>;
  refund(request: Pick<ChargedAmount, 'chargeId' | 'amount'>, call: StepCall): Promise<void>;
}
