import type { Inventory } from '@holdfast/flows';
import { createHttpClient, type Guard, type Reach, unwrap } from '@holdfast/http';
import { z } from 'zod';
import { HTTP_LIMITS } from './http-limits.ts';
import { codedErrors } from './wire.ts';

export interface InventoryConfig {
  readonly url: string;
  readonly reach?: Reach | undefined;
}

/** Reservations under an id of our own, `call.reference`, so that a repeat of either call changes nothing. */
export function inventory(
  { url, reach }: InventoryConfig,
  guard?: Guard,
): Inventory & { close(): Promise<void> } {
  const http = createHttpClient({
    baseUrl: url,
    guard,
    readError: codedErrors({ details: ['sku'] }),
    ...HTTP_LIMITS,
    ...reach,
  });
  return {
    async reserve({ items }, call) {
      const outcome = await http.request({
        method: 'PUT',
        path: reservationPath(call.reference),
        endpoint: 'reserve',
        body: { json: { items: items.map(({ sku, quantity }) => ({ sku, quantity })) } },
        idempotencyKey: call.idempotencyKey,
        signal: call.signal,
        origin: call,
        schema: z.object({ id: z.literal(call.reference), status: z.literal('reserved') }),
      });
      const { id } = unwrap(outcome, {
        provider: 'inventory',
        operation: 'reserve',
        settlesDoubt: ({ code }) => code === 'out_of_stock',
      });
      return { reservationId: id };
    },

    async release({ reservationId }, call) {
      const outcome = await http.request({
        method: 'DELETE',
        path: reservationPath(reservationId),
        endpoint: 'release',
        idempotencyKey: call.idempotencyKey,
        signal: call.signal,
        origin: call,
        schema: z.unknown(),
      });
      // What is not there needs no release: it was released before, or by somebody else.
      if (outcome.kind === 'rejected' && outcome.status === 404) return;
      unwrap(outcome, { provider: 'inventory', operation: 'release' });
    },

    close: () => http.close(),
  };
}

function reservationPath(id: string): string {
  return `/reservations/${encodeURIComponent(id)}`;
}
