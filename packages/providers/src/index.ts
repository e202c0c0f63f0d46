export { type SmtpEmailConfig, smtpEmail } from './email/smtp-email.ts';
export { fallbackPayments, type NamedPayments } from './fallback-payments.ts';
export { type InventoryConfig, inventory } from './inventory.ts';
export { type OrderProvidersConfig, orderProviders } from './order-providers.ts';
export { type ShippingConfig, shipping } from './shipping.ts';
export { type StripePaymentsConfig, stripePayments } from './stripe/payments.ts';
