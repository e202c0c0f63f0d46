import type { Flow } from '@holdfast/engine';
import { allFlows, type OrderPorts } from '@holdfast/flows';
import { connectedLater, type Provider, provider } from '@holdfast/project';
import { orderProviders } from '@holdfast/providers';
import type { Sources } from '@holdfast/webhooks';
import { providersConfig, providerVariables } from './provider-config.ts';
import { stripeWebhooks } from './stripe-webhooks.ts';

export interface Shop {
  /** `order`, `payment` and `refund`, in every version that a run may still be at. */
  readonly flows: readonly Flow[];
  readonly providers: readonly Provider[];
  /** `stripe`: charges and refunds that settle later. */
  readonly webhooks: Sources;
}

/** Flows and the providers that they call. Each call makes a shop of its own: one for each worker of a process. */
export function shop(): Shop {
  const ports = connectedLater<OrderPorts>('the provider');
  const providers = provider({
    name: 'shop',
    variables: providerVariables,
    configure: (read) => {
      const config = providersConfig(read);
      return (sharing) => {
        const connected = orderProviders(config, sharing);
        ports.connect(connected);
        return connected;
      };
    },
  });
  return {
    flows: allFlows(ports.value) as readonly Flow[],
    providers: [providers],
    webhooks: { stripe: stripeWebhooks },
  };
}
