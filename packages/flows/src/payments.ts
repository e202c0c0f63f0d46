import type { StepCall } from '@holdfast/engine';

export interface ChargeRequest {
  /** Minor units of `currency`. */
  readonly amount: number;
  readonly currency: string;
  readonly paymentMethod: string;
  readonly description: string;
}

/** A payment provider. `call.idempotencyKey` makes a repeat of either call safe. */
export interface Payments {
  charge(request: ChargeRequest, call: StepCall): Promise<{ readonly chargeId: string }>;
  /** @param request.amount minor units */
  refund(request: { readonly chargeId: string; readonly amount: number }, call: StepCall): Promise<void>;
}
