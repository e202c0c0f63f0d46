import { randomUUID } from 'node:crypto';
import type { Client, TenantEvents } from '@holdfast/engine';
import { type Deliveries, deliveryIdOf, runOfDelivery } from './deliveries.ts';
import { TRY_NOW } from './delivery-flow.ts';
import { bodyOf } from './event-body.ts';
import { type EventsOfFlows, fits, typesOf } from './flow-events.ts';
import { sendAgain, startDelivery } from './hand-over.ts';

/** What people do with deliveries. */
export interface DeliveryDesk {
  /** Sends an event of the type `webhook.test`, whatever the endpoint's filter and status. @returns the delivery's id */
  test(tenant: string, endpoint: string): Promise<string>;
  /**
   * Sends a delivery at once: one that was taken or given up once more, one that waits for its next try without waiting any longer.
   * @returns false when there is no such delivery, or its run has expired
   */
  retry(tenant: string, endpoint: string, id: string): Promise<boolean>;
  /**
   * Has the tenant's events of [since, until), in Unix milliseconds, sent to one endpoint, also those from before it existed.
   * @param filters lists of names such as `run.completed` or `payment.*`: an event must fit each
   * @returns how many
   */
  replay(
    tenant: string,
    endpoint: string,
    range: {
      readonly since: number;
      readonly until: number;
      readonly filters: readonly (readonly string[])[];
    },
  ): Promise<number>;
}

export interface DeliveryDeskOptions {
  readonly deliveries: Deliveries;
  readonly events: TenantEvents;
  /** Knows the flow of deliveries. */
  readonly client: Pick<Client, 'getRun' | 'submit' | 'rerun' | 'redrive' | 'signal'>;
  readonly eventsOfFlows: EventsOfFlows;
}

const TEST = 'webhook.test';

export function createDeliveryDesk(options: DeliveryDeskOptions): DeliveryDesk {
  const { deliveries, events, client, eventsOfFlows } = options;
  return {
    async test(tenant, endpoint) {
      const key = [endpoint, TEST, randomUUID()].join(':');
      const id = deliveryIdOf(tenant, key);
      const body = bodyOf({ type: TEST, at: Date.now(), data: { endpoint } });
      const delivery = { ...{ id, tenant, endpoint, event: TEST, body }, always: true } as const;
      await startDelivery({ deliveries, client }, delivery, undefined, key);
      return id;
    },

    async retry(tenant, endpoint, id) {
      if (!(await deliveries.get(tenant, endpoint, id))) return false;
      const again = await sendAgain({ client, deliveries }, tenant, id);
      if (again === 'under_way')
        await client.signal(tenant, runOfDelivery(id), {
          ...{ id: `${TRY_NOW}.${randomUUID()}`, name: TRY_NOW, payload: null },
        });
      return again !== undefined;
    },

    async replay(tenant, endpoint, { since, until, filters }) {
      let count = 0;
      for await (const page of events.between(tenant, since, until)) {
        const wanted = page.flatMap((event) =>
          typesOf(eventsOfFlows, event)
            .filter((type) => filters.every((filter) => fits(filter, type)))
            .map((as) => ({ event, as, subscriber: endpoint })),
        );
        count += wanted.length;
        await events.replay(wanted);
      }
      return count;
    },
  };
}
