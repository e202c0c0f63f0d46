import { InDoubtError, type StepCall, UnavailableError } from '@holdfast/engine';
import type { InDoubt } from '@holdfast/http';
import { type Operation, unwrap } from '@holdfast/http';
import { isEffectOf, isUnderKeyOf, type Stamped } from './effect.ts';
import { type PaymentIntent, PaymentIntentList, type Refund, RefundList } from './objects.ts';
import type { Listing, StripeHttp } from './stripe-http.ts';

/** Our clocks and Stripe's may differ by so much. */
const CLOCK_SKEW_MS = 5 * 60 * 1000;

/**
 * A 5xx that is played back will be played back for ever, so the key cannot tell what happened. Stripe's lists can: unlike its search,
 * they show what was written a moment ago, and the request that failed is over.
 */
export function findCharges(stripe: StripeHttp, call: StepCall): Promise<Listing<PaymentIntent>> {
  const since = Math.max(0, Math.floor((call.startedAt - CLOCK_SKEW_MS) / 1000));
  return stripe.list(
    '/v1/payment_intents',
    { 'created[gte]': String(since) },
    call,
    PaymentIntentList,
    (it) => isEffectOf(call, it),
  );
}

export function findRefunds(
  stripe: StripeHttp,
  chargeId: string,
  call: StepCall,
  keep: (refund: Refund) => boolean = (refund) => isEffectOf(call, refund),
): Promise<Listing<Refund>> {
  return stripe.list('/v1/refunds', { payment_intent: chargeId }, call, RefundList, keep);
}

/**
 * The effect of a step whose key plays a failure back. One that took hold counts under whatever key it was made; one that failed, only
 * under the call's own: those before were answered, and the step has gone on since.
 * @param tookHold whether an effect has happened, or may still
 * @throws UnavailableError (a new key) when the whole list has none; InDoubtError while that is not known, and when more than one
 * took hold
 */
export function theEffect<T extends Stamped & { readonly id: string }>(
  listing: Listing<T>,
  tookHold: (item: T) => boolean,
  failure: InDoubt,
  { call, operation }: { readonly call: StepCall; readonly operation: Operation },
): T {
  if (listing.read === 'failed') {
    const { trouble } = listing;
    const details = { ...failure.details, lookUp: trouble.code };
    const delay = 'retryAfterMs' in trouble ? { retryAfterMs: trouble.retryAfterMs } : {};
    return unwrap({ ...failure, details, ...delay }, operation);
  }
  const [effect, another] = listing.items.filter(tookHold);
  if (effect && another) throw twice(effect, another, operation);
  if (effect) return effect;
  if (listing.read === 'in_part') {
    return unwrap({ ...failure, details: { ...failure.details, lookUp: 'list_too_long' } }, operation);
  }
  const failed = listing.items.find((item) => isUnderKeyOf(call, item));
  if (failed) return failed;
  const { provider, operation: name } = operation;
  throw new UnavailableError({
    code: failure.code,
    message: `${provider} ${name}: ${failure.message.replace(/\.$/, '')}; it is played back under its key and nothing happened, so the next attempt gets a new key`,
    details: { ...operation, ...failure.details },
    keySpent: true,
  });
}

function twice(one: { readonly id: string }, other: { readonly id: string }, operation: Operation) {
  return new InDoubtError({
    code: 'effect_found_twice',
    message: `${operation.provider} ${operation.operation}: both ${one.id} and ${other.id} carry this run and step; take one of them back`,
    details: { ...operation, found: [one.id, other.id] },
  });
}
