import type { Decline } from './records.ts';

export type CardOutcome =
  /** `refund`: what becomes of refunds; absent: they are paid at once. */
  | { readonly outcome: 'succeeds'; readonly refund?: 'succeeded' | 'failed' }
  /** `decline`: how it ends; absent: it succeeds. */
  | { readonly outcome: 'processes'; readonly decline?: Decline }
  | { readonly outcome: 'asks_customer' }
  | { readonly outcome: 'declines'; readonly decline: Decline };

const SUCCEEDS: CardOutcome = { outcome: 'succeeds' };

/** Stripe's test payment methods that the sandbox knows. */
const CARDS: Readonly<Record<string, CardOutcome>> = {
  pm_card_visa: SUCCEEDS,
  pm_card_mastercard: SUCCEEDS,
  pm_card_amex: SUCCEEDS,
  pm_card_pendingRefund: { outcome: 'succeeds', refund: 'succeeded' },
  pm_card_refundFail: { outcome: 'succeeds', refund: 'failed' },
  pm_card_processing: { outcome: 'processes' },
  pm_card_processingFails: {
    outcome: 'processes',
    decline: {
      code: 'payment_method_provider_decline',
      declineCode: 'insufficient_funds',
      message: 'The bank returned the debit: insufficient funds.',
    },
  },
  pm_card_authenticationRequired: { outcome: 'asks_customer' },
  pm_card_chargeDeclined: declines('card_declined', 'generic_decline', 'Your card was declined.'),
  pm_card_chargeDeclinedInsufficientFunds: declines(
    'card_declined',
    'insufficient_funds',
    'Your card has insufficient funds.',
  ),
  pm_card_chargeDeclinedExpiredCard: declines('expired_card', 'expired_card', 'Your card has expired.'),
};

export const CARD_NAMES = Object.keys(CARDS);

/** @returns undefined when there is no such payment method */
export function cardOutcome(paymentMethod: string): CardOutcome | undefined {
  return Object.hasOwn(CARDS, paymentMethod) ? CARDS[paymentMethod] : undefined;
}

function declines(code: string, declineCode: string, message: string): CardOutcome {
  return { outcome: 'declines', decline: { code, declineCode, message } };
}
