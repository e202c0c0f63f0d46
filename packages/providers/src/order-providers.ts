import type { OrderPorts, Payments } from '@holdfast/flows';
import { createGuard, type Guard, type Limits, type Sharing } from '@holdfast/http';
import { LONGEST_DELIVERY_MS, type SmtpEmailConfig, smtpEmail } from './email/smtp-email.ts';
import { fallbackPayments } from './fallback-payments.ts';
import { LONGEST_CALL_MS } from './http-limits.ts';
import { type InventoryConfig, inventory } from './inventory.ts';
import { type ShippingConfig, shipping } from './shipping.ts';
import type { Account } from './stripe/charge.ts';
import { type StripePaymentsConfig, stripePayments } from './stripe/payments.ts';

type Stripe = ReturnType<typeof stripePayments>;
type Limited<T> = T & { readonly limits?: Limits };

export interface OrderProvidersConfig {
  readonly payment: Limited<StripePaymentsConfig> & {
    /** A second account or provider, used while nothing can be sent to the first. */
    readonly fallback?: Limited<StripePaymentsConfig> | undefined;
  };
  readonly inventory: Limited<InventoryConfig>;
  readonly shipping: Limited<ShippingConfig>;
  readonly email: Limited<SmtpEmailConfig>;
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

  const stripes: Stripe[] = [];
  const stripe = (account: Account, { url, key, reach, limits }: Limited<StripePaymentsConfig>): Stripe => {
    const made = stripePayments({ url, key, reach, account }, overHttp(account, `${url} ${key}`, limits));
    stripes.push(made);
    return made;
  };
  const withFallback = (first: Payments): Payments => {
    if (!payment.fallback) return first;
    if (!sharing)
      throw new TypeError('a fallback for payments needs somewhere to remember where a charge was sent');
    const account = 'payment-fallback';
    const second = { name: 'fallback', account, payments: stripe(account, payment.fallback) } as const;
    return fallbackPayments(first, [second], sharing.pins);
  };
  const payments = withFallback(stripe('payment', payment));

  const providers = {
    inventory: inventory(stock, overHttp('inventory', stock.url, stock.limits)),
    shipping: shipping(
      labels,
      overHttp('shipping', `${labels.url} ${labels.clientId}`, labels.limits),
      sharing?.tokens,
    ),
    email: smtpEmail(email, guard('email', email.url, email.limits, LONGEST_DELIVERY_MS)),
  };
  return {
    payments,
    ...providers,
    close: async () => {
      await Promise.all(stripes.map((each) => each.close()));
      await Promise.all(Object.values(providers).map((provider) => provider.close()));
      await Promise.all(guards.map((each) => each.close()));
    },
  };
}
