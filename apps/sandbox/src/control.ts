import type { FastifyPluginAsync } from 'fastify';
import { z } from 'zod';
import { FaultRequest, type Faults } from './faults.ts';
import type { Ledger } from './ledger.ts';
import { parse } from './problems.ts';

const LedgerFilter = z.strictObject({ reference: z.string().optional(), run: z.string().optional() });

/** Reading the ledger, and making trouble. */
export function controlRoutes(ledger: Ledger, faults: Faults): FastifyPluginAsync {
  return async (app) => {
    app.get('/ledger', async (request) => ledger.effects(parse(LedgerFilter, request.query)));
    app.delete('/ledger', async (_request, reply) => {
      ledger.clear();
      return reply.code(204).send();
    });

    app.get('/faults', async () => faults.list());
    app.post('/faults', async (request, reply) => {
      reply.code(201);
      return faults.add(parse(FaultRequest, request.body));
    });
    app.delete('/faults', async (_request, reply) => {
      faults.clear();
      return reply.code(204).send();
    });
  };
}
