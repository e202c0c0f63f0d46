// #region connections
import { postgres } from '@holdfast/postgres';
import { rabbitmq } from '@holdfast/rabbitmq';
import { defineProvider, operation } from 'holdfast';
import { z } from 'zod';

export const db = postgres({ name: 'shop-db' });
export const broker = rabbitmq();
export const payments = defineProvider({
  name: 'cards',
  auth: 'bearer',
  errors: z
    .object({ error: z.object({ code: z.string(), message: z.string() }) })
    .transform(({ error }) => error),
  operations: {
    charge: operation({
      request: (charge: { amount: number }) => ({ method: 'POST', path: '/charges', body: { json: charge } }),
      answer: z.object({ id: z.string() }),
      // the same key gets the same answer, so a declined card says what an earlier request came to
      settlesDoubt: ['card_declined'],
    }),
    refund: operation({
      request: (charge: { id: string }) => ({ method: 'POST', path: `/charges/${charge.id}/refund` }),
      answer: z.object({ id: z.string() }),
    }),
  },
});
// #endregion
