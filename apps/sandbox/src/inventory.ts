import { isDeepStrictEqual } from 'node:util';
import type { FastifyPluginAsync } from 'fastify';
import { z } from 'zod';
import type { Faults } from './faults.ts';
import type { Ledger, Recorder } from './ledger.ts';
import { failure, parse, problem } from './problems.ts';
import { type Answer, idempotencyKeyOf, serve } from './serve.ts';

const Item = z.object({ sku: z.string().min(1).max(200), quantity: z.int().min(1) });
const ReservationRequest = z.object({ items: z.array(Item).min(1).max(1000) });
const ReservationPath = z.object({ id: z.string().min(1).max(500) });

const Change = z.discriminatedUnion('type', [
  z.object({ type: z.literal('reserved'), id: z.string(), items: z.array(Item) }),
  z.object({ type: z.literal('released'), id: z.string() }),
]);
type Change = z.infer<typeof Change>;
type Items = readonly z.infer<typeof Item>[];

/** What is held, by reservation id. Stock does not run out, but for what is called SOLD-OUT. */
class Inventory {
  readonly #held = new Map<string, Items>();
  readonly #recorder: Recorder<Change>;

  constructor(ledger: Ledger) {
    this.#recorder = ledger.attach<Change>({
      provider: 'inventory',
      change: Change,
      apply: (change) => {
        if (change.type === 'reserved') this.#held.set(change.id, change.items);
        else this.#held.delete(change.id);
      },
      forget: () => this.#held.clear(),
    });
  }

  reserve(id: string, given: Items, idempotencyKey: string | null): Answer {
    const items = [...given].sort((a, b) => a.sku.localeCompare(b.sku) || a.quantity - b.quantity);
    const held = this.#held.get(id);
    if (held && isDeepStrictEqual(held, items)) return { status: 200, body: { id, status: 'reserved' } };
    if (held) return problem(409, 'reservation_conflict', `Reservation ${id} holds other items.`);
    const soldOut = items.find(({ sku }) => sku.startsWith('SOLD-OUT'));
    if (soldOut) return problem(409, 'out_of_stock', `${soldOut.sku} is out of stock.`, { sku: soldOut.sku });
    this.#recorder.commit(
      { type: 'reserved', id, items },
      { operation: 'reserve', reference: id, idempotencyKey, skus: items.map(({ sku }) => sku) },
    );
    return { status: 201, body: { id, status: 'reserved' } };
  }

  /** What is not held, or no longer, needs no release: the caller's wish is met either way. */
  release(id: string, idempotencyKey: string | null): Answer {
    if (this.#held.has(id))
      this.#recorder.commit(
        { type: 'released', id },
        { operation: 'release', reference: id, idempotencyKey },
      );
    return { status: 204 };
  }
}

/** `PUT /reservations/{id}`, idempotent by its id, and `DELETE /reservations/{id}`. */
export function inventoryRoutes(ledger: Ledger, faults: Faults): FastifyPluginAsync {
  const inventory = new Inventory(ledger);
  return async (app) => {
    app.put('/reservations/:id', async (request, reply) => {
      const { id } = parse(ReservationPath, request.params);
      const { items } = parse(ReservationRequest, request.body);
      return serve(faults, request, reply, {
        provider: 'inventory',
        operation: 'reserve',
        work: () => inventory.reserve(id, items, idempotencyKeyOf(request)),
        fail: failure,
      });
    });
    app.delete('/reservations/:id', async (request, reply) => {
      const { id } = parse(ReservationPath, request.params);
      return serve(faults, request, reply, {
        provider: 'inventory',
        operation: 'release',
        work: () => inventory.release(id, idempotencyKeyOf(request)),
        fail: failure,
      });
    });
  };
}
