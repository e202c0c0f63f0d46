import type { OAuthClient } from './oauth.ts';
import type { RunningSandbox } from './start.ts';

export const DEFAULT_SHIPPING_CLIENT: OAuthClient = { id: 'sandbox', secret: 'sandbox-secret' };

/** The environment by which a worker finds its providers in a sandbox. */
export function providersEnv({ url, smtpUrl }: Pick<RunningSandbox, 'url' | 'smtpUrl'>) {
  return {
    HOLDFAST_PAYMENT_URL: `${url}/payment`,
    HOLDFAST_PAYMENT_KEY: 'sk_test_sandbox',
    HOLDFAST_INVENTORY_URL: `${url}/inventory`,
    HOLDFAST_SHIPPING_URL: `${url}/shipping`,
    HOLDFAST_SHIPPING_CLIENT_ID: DEFAULT_SHIPPING_CLIENT.id,
    HOLDFAST_SHIPPING_CLIENT_SECRET: DEFAULT_SHIPPING_CLIENT.secret,
    HOLDFAST_EMAIL_URL: smtpUrl,
  } as const;
}

/** The variables by which a worker finds them. */
export const PROVIDER_VARIABLES: ReadonlySet<string> = new Set(
  Object.keys(providersEnv({ url: '', smtpUrl: '' })),
);
