import type { Answer } from '../serve.ts';
import { stripeError } from './errors.ts';

const LARGEST = 99_999_999;
const LARGEST_IN: Readonly<Record<string, number>> = {
  ...{ inr: 999_999_999, cop: 9_999_999_999, huf: 9_999_999_999, jpy: 9_999_999_999 },
  ...{ idr: 999_999_999_999, lbp: 999_999_999_999 },
};
const MULTIPLE_IN: Readonly<Record<string, number>> = {
  ...{ isk: 100, ugx: 100 },
  ...{ bhd: 10, jod: 10, kwd: 10, omr: 10, tnd: 10 },
};

/** What is refused about an amount of minor units, as the card networks and Stripe have it. */
export function refusedAmount(amount: number, currency: string): Answer | undefined {
  if (amount > (LARGEST_IN[currency] ?? LARGEST)) {
    const message = `Amount must be no more than ${LARGEST_IN[currency] ?? LARGEST} in ${currency}.`;
    return stripeError(400, { code: 'amount_too_large', message, param: 'amount' });
  }
  const multiple = MULTIPLE_IN[currency] ?? 1;
  if (amount % multiple === 0) return undefined;
  const message = `Amounts in ${currency} are multiples of ${multiple}.`;
  return stripeError(400, { code: 'parameter_invalid_integer', message, param: 'amount' });
}
