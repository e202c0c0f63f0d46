import { z } from 'zod';

/** The largest amount a card payment may have at Stripe, in minor units. */
export const MAX_AMOUNT = 99_999_999;

/** Minor units, at least one. */
export const Amount = z.int().min(1).max(MAX_AMOUNT);

export const Currency = z.string().regex(/^[a-z]{3}$/, 'must be a lower-case ISO 4217 code such as "usd"');
