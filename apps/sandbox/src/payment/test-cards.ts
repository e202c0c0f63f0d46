import type { Decline } from './records.ts';

export type CardOutcome =
  | { readonly outcome: 'succeeds' }
  | { readonly outcome: 'processes' }
  | { readonly outcome: 'declines'; readonly decline: Decline };

const SUCCEEDS: CardOutcome = { outcome: 'succeeds' };

/** Stripe's test payment methods that the sandbox knows. */
const CARDS: Readonly<Record<string, CardOutcome>> = {
  pm_card_visa: SUCCEEDS,
  pm_card_mastercard: SUCCEEDS,
  pm_card_amex: SUCCEEDS,
  pm_card_processing: { outcome: 'processes' },
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
