import type { OrderPorts } from '@holdfast/flows';
import { createGuard, type Guard, type GuardObserver, type Limits, type SharedStore } from '@holdfast/http';
import { LONGEST_DELIVERY_MS, type SmtpEmailConfig, smtpEmail } from './email/smtp-email.ts';
import { LONGEST_CALL_MS } from './http-limits.ts';
import { type InventoryConfig, inventory } from './inventory.ts';
import { type ShippingConfig, shipping } from './shipping.ts';
import { type StripePaymentsConfig, stripePayments } from './stripe/payments.ts';

type Limited<T> = T & { readonly limits?: Limits };

export interface OrderProvidersConfig {
  readonly payment: Limited<StripePaymentsConfig>;
  readonly inventory: Limited<InventoryConfig>;
  readonly shipping: Limited<ShippingConfig>;
  readonly email: Limited<SmtpEmailConfig>;
}

/** What the providers' limits, breakers and health are shared through with all other workers. */
export interface Sharing {
  readonly store: SharedStore;
  /** Multiplies how long a breaker stays open. */
  readonly retryScale?: number;
  readonly observer?: GuardObserver;
}

/**
 * All that the order flow needs.
 * @param sharing absent: every call is made at once, and nobody counts
 * @throws TypeError naming what in the configuration cannot be used; credentials are not shown
 */
export function orderProviders(
  config: OrderProvidersConfig,
  sharing?: Sharing,
): OrderPorts & { close(): Promise<void> } {
  const { payment, inventory: stock, shipping: labels, email } = config;
  const guards: Guard[] = [];
  const guard = (provider: string, account: string, limits: Limits | undefined, longestCallMs: number) => {
    if (!sharing) return undefined;
    const made = createGuard({ provider, account, limits, longestCallMs, ...sharing });
    guards.push(made);
    return made;
  };
  const overHttp = (provider: string, account: string, limits: Limits | undefined) =>
    guard(provider, account, limits, LONGEST_CALL_MS);

  const providers = {
    payments: stripePayments(payment, overHttp('payment', `${payment.url} ${payment.key}`, payment.limits)),
    inventory: inventory(stock, overHttp('inventory', stock.url, stock.limits)),
    shipping: shipping(labels, overHttp('shipping', `${labels.url} ${labels.clientId}`, labels.limits)),
    email: smtpEmail(email, guard('email', email.url, email.limits, LONGEST_DELIVERY_MS)),
  };
  return {
    ...providers,
    close: async () => {
      await Promise.all(Object.values(providers).map((provider) => provider.close()));
      await Promise.all(guards.map((each) => each.close()));
    },
  };
}
