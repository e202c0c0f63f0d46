import { RejectedError, type StepCall } from '@holdfast/engine';
import { effectMetadata } from './effect.ts';
import type { Refund } from './objects.ts';

export const REFUND = { provider: 'payment', operation: 'refund' } as const;

export interface RefundRequest {
  readonly chargeId: string;
  /** Minor units. */
  readonly amount: number;
}

export function refundForm({ chargeId, amount }: RefundRequest, call: StepCall): Record<string, string> {
  return { payment_intent: chargeId, amount: String(amount), ...effectMetadata(call) };
}

/** `pending` is a refund that Stripe has taken on; it cannot be done twice. */
export function paysBack({ status }: Refund): boolean {
  return status === 'succeeded' || status === 'pending';
}

/** @throws RejectedError for a refund that did not pay back. */
export function checkRefund(refund: Refund): void {
  if (paysBack(refund)) return;
  const { id, status } = refund;
  throw new RejectedError({
    code: 'refund_failed',
    message: `payment refund: ${id} is "${status}"; the money has not gone back`,
    details: { ...REFUND, refund: id, refundStatus: status },
    // the refund that the key stands for
    settlesDoubt: true,
  });
}
