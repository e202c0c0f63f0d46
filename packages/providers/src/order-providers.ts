import type { OrderPorts } from '@holdfast/flows';
import { type SmtpEmailConfig, smtpEmail } from './email/smtp-email.ts';
import { type InventoryConfig, inventory } from './inventory.ts';
import { type ShippingConfig, shipping } from './shipping.ts';
import { type StripePaymentsConfig, stripePayments } from './stripe/payments.ts';

export interface OrderProvidersConfig {
  readonly payment: StripePaymentsConfig;
  readonly inventory: InventoryConfig;
  readonly shipping: ShippingConfig;
  readonly email: SmtpEmailConfig;
}

/**
 * All that the order flow needs.
 * @throws TypeError naming what in the configuration cannot be used; credentials are not shown
 */
export function orderProviders(config: OrderProvidersConfig): OrderPorts & { close(): Promise<void> } {
  const providers = {
    payments: stripePayments(config.payment),
    inventory: inventory(config.inventory),
    shipping: shipping(config.shipping),
    email: smtpEmail(config.email),
  };
  return {
    ...providers,
    close: async () => {
      await Promise.all(Object.values(providers).map((provider) => provider.close()));
    },
  };
}
