import { defineProvider, operation } from 'holdfast';
import { z } from 'zod';

/** A service that makes offers; HOLDFAST_QUOTES_URL says where it is. */
export const quotes = defineProvider({
  name: 'quotes',
  auth: 'bearer',
  errors: z.object({ code: z.string(), message: z.string().optional() }),
  operations: {
    make: operation({
      request: ({ item }: { readonly item: string }) => ({
        method: 'POST',
        path: '/quotes',
        body: { json: { item } },
      }),
      answer: z.object({ price: z.number() }),
    }),
  },
});
