import { randomUUID } from 'node:crypto';
import { RejectedError, type StepCall, ThrottledError, UnavailableError } from '@holdfast/engine';
import type { Payments } from '@holdfast/flows';
import type { Pins } from '@holdfast/http';
import type { Account } from './stripe/charge.ts';

export interface NamedPayments {
  /** Lower-case letters, digits and dashes: it stands before the ids of its charges and refunds. */
  readonly name: string;
  /** What inputs call it: a charge without a payment method for it is not made there. */
  readonly account: Account;
  readonly payments: Payments;
}

/**
 * Payments at the first of several providers, or at the next while nothing can be sent to the ones before: the connection is refused, or
 * the breaker is open. Never in doubt: a charge that may have been made at one provider stays with it through all its attempts, which the
 * pins remember from before anything is sent. A limit is waited for, not gone around. A charge that has no payment method for the next
 * waits for the first: one account knows nothing of the other's, and an outage must not look like a decline.
 *
 * What any provider but the first has made carries its name before its id, so that a refund finds its way.
 */
export function fallbackPayments(
  first: Payments,
  others: readonly [NamedPayments, ...NamedPayments[]],
  pins: Pins,
): Payments {
  const all: readonly Pick<NamedPayments, 'name' | 'payments'>[] = [{ name: '', payments: first }, ...others];
  const byName = (name: string): Payments => {
    const known = all.find((each) => each.name === name);
    if (known) return known.payments;
    throw new UnavailableError({
      code: 'payment_provider_unknown',
      message: `payment: it may have been made at "${name}", which is configured no longer; configure it again`,
    });
  };

  /** @param names who may be asked, in order; where it was sent before, it goes again, whoever that is */
  async function chargeAt<T extends { readonly chargeId: string }>(
    names: readonly string[],
    call: StepCall,
    charge: (payments: Payments) => Promise<T>,
  ): Promise<T> {
    const hold = randomUUID();
    let failure: unknown;
    for (const wish of names) {
      const bound = await pinned(pins.hold(call.reference, hold, wish));
      // an earlier attempt may have charged at a provider that was just tried in vain
      if (failure !== undefined && bound !== wish) break;
      const payments = byName(bound);
      try {
        const made = await charge(payments);
        return { ...made, chargeId: named(bound, made.chargeId) };
      } catch (error) {
        if (didNothing(error)) await pinned(pins.letGo(call.reference, hold));
        if (bound !== wish || !nothingCouldBeSent(error)) throw error;
        failure = error;
      }
    }
    await pinned(pins.letGo(call.reference, hold));
    throw failure;
  }

  /** Asks the provider that made it, under the id that it knows. */
  const atItsProvider = <T>(id: string, ask: (payments: Payments, id: string) => Promise<T>): Promise<T> => {
    const [, name = '', own = id] = /^([a-z0-9-]+)\/(.+)$/.exec(id) ?? [];
    return ask(byName(name), own);
  };

  return {
    charge(request, call) {
      const able = others.filter(({ account }) => request.paymentMethods?.[account] !== undefined);
      return chargeAt(['', ...able.map(({ name }) => name)], call, (at) => at.charge(request, call));
    },

    async readCharge(charged, call) {
      const { chargeId } = charged;
      return atItsProvider(chargeId, async (at, id) => {
        return { ...(await at.readCharge({ ...charged, chargeId: id }, call)), chargeId };
      });
    },

    takeBack: async (charged, call) =>
      atItsProvider(charged.chargeId, (at, chargeId) => at.takeBack({ ...charged, chargeId }, call)),

    async refund(request, call) {
      const { chargeId } = request;
      return atItsProvider(chargeId, async (at, id) => {
        const made = await at.refund({ ...request, chargeId: id }, call);
        return { ...made, refundId: named(chargeId.slice(0, -id.length - 1), made.refundId) };
      });
    },

    async readRefund(refundId, call) {
      return atItsProvider(refundId, async (at, id) => ({ ...(await at.readRefund(id, call)), refundId }));
    },

    endRefund: async (refundId, call) => atItsProvider(refundId, (at, id) => at.endRefund(id, call)),

    v1: {
      // its inputs have one payment method, which the others do not know; what was sent to one of them stays there
      charge: (request, call) => chargeAt([''], call, (at) => at.v1.charge(request, call)),
      refund: async (request, call) =>
        atItsProvider(request.chargeId, (at, chargeId) => at.v1.refund({ ...request, chargeId }, call)),
    },
  };
}

function named(name: string, id: string): string {
  return name === '' ? id : `${name}/${id}`;
}

/** Without knowing where an earlier attempt was sent, nothing may be sent. */
async function pinned<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (cause) {
    throw new UnavailableError({
      code: 'payment_pin_unknown',
      message: 'payment charge: nothing was sent: Redis did not say which provider it is bound to',
      cause,
    });
  }
}

/** A definite answer that this attempt had no effect. */
function didNothing(error: unknown): boolean {
  return (
    error instanceof RejectedError ||
    error instanceof ThrottledError ||
    (error instanceof UnavailableError && !error.keySpent)
  );
}

/** Not a byte was sent, for a reason that is not a limit. */
function nothingCouldBeSent(error: unknown): boolean {
  if (error instanceof ThrottledError) return error.code === 'breaker_open';
  return error instanceof UnavailableError && error.details?.unsent === true;
}
