export { providersConfig, providerVariables } from './provider-config.ts';
export { type Shop, shop } from './shop.ts';
