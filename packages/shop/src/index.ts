export { providersConfig, providerVariables } from './provider-config.ts';
export { type Shop, shop } from './shop.ts';
export { stripeWebhooks } from './stripe-webhooks.ts';
