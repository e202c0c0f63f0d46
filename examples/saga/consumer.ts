// #region consumer
import { HoldfastClient } from '@holdfast/client';
import { startConsumer } from '@holdfast/rabbitmq';
import { broker } from './connections.ts';

const consumer = startConsumer(broker, {
  queue: 'orders',
  client: new HoldfastClient({
    url: process.env.HOLDFAST_URL ?? 'http://127.0.0.1:3000',
    apiKey: process.env.HOLDFAST_API_KEY ?? '',
  }),
  toRun: ({ body }) => ({ flow: 'place-order', input: body }),
  deadLetterExchange: 'orders.dead',
  onTrouble: ({ kind, reason }) => console.error(`${kind}: ${reason}`),
});
process.once('SIGTERM', () => consumer.close());
// #endregion
