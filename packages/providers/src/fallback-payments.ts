import { randomUUID } from 'node:crypto';
import { RejectedError, ThrottledError, UnavailableError } from '@holdfast/engine';
import type { Payments } from '@holdfast/flows';
import type { Pins } from '@holdfast/http';

export interface NamedPayments {
  /** Lower-case letters, digits and dashes: it stands before the ids of its charges. */
  readonly name: string;
  readonly payments: Payments;
}

/**
 * Payments at the first of several providers, or at the next while nothing can be sent to the ones before: the connection is refused, or
 * the breaker is open. Never in doubt: a charge that may have been made at one provider stays with it through all its attempts, which the
 * pins remember from before anything is sent. A limit is waited for, not gone around.
 *
 * Charges of any provider but the first carry its name before their id, so that a refund finds its way.
 */
export function fallbackPayments(
  first: Payments,
  others: readonly [NamedPayments, ...NamedPayments[]],
  pins: Pins,
): Payments {
  const all: readonly [NamedPayments, ...NamedPayments[]] = [{ name: '', payments: first }, ...others];
  const byName = (name: string): NamedPayments => {
    const known = all.find((each) => each.name === name);
    if (known) return known;
    throw new UnavailableError({
      code: 'payment_provider_unknown',
      message: `payment: it may have been made at "${name}", which is configured no longer; configure it again`,
    });
  };
  return {
    async charge(request, call) {
      const hold = randomUUID();
      let failure: unknown;
      for (const { name: wish } of all) {
        const bound = await pinned(pins.hold(call.reference, hold, wish));
        // an earlier attempt may have charged at a provider that was just tried in vain
        if (failure !== undefined && bound !== wish) break;
        const { name, payments } = byName(bound);
        try {
          const { chargeId } = await payments.charge(request, call);
          return { chargeId: name === '' ? chargeId : `${name}/${chargeId}` };
        } catch (error) {
          if (didNothing(error)) await pinned(pins.letGo(call.reference, hold));
          if (bound !== wish || !nothingCouldBeSent(error)) throw error;
          failure = error;
        }
      }
      await pinned(pins.letGo(call.reference, hold));
      throw failure;
    },

    async refund({ chargeId, amount }, call) {
      const [, name = '', id = chargeId] = /^([a-z0-9-]+)\/(.+)$/.exec(chargeId) ?? [];
      await byName(name).payments.refund({ chargeId: id, amount }, call);
    },
  };
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
