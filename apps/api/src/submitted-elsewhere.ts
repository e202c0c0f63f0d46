import { refundContract } from '@holdfast/flows';

/**
 * Flows whose runs are accepted by a route of their own alone, and where that is: it sees to what the flow takes for granted. A refund's
 * amount is taken from its payment as the refund is created; a run without that would pay out what others have taken.
 */
export const SUBMITTED_ELSEWHERE: ReadonlyMap<string, string> = new Map([
  [refundContract.name, '/v1/payments/{id}/refunds or /v1/orders/{id}/refunds'],
]);
