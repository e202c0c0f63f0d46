import type { PauseOf } from '@holdfast/engine';
import { type Operations, Tenant } from '@holdfast/operations';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { whatWasSaid } from '../pages/said.ts';
import { tenantsPage } from '../pages/tenants-page.ts';
import { actorOf, operatorOf } from '../plugins/login.ts';
import { DashboardProblem } from '../problems.ts';
import type { Snapshots } from '../snapshots.ts';

export interface TenantsRoutesOptions {
  readonly operations: Operations;
  readonly snapshots: Snapshots;
  readonly flows: readonly string[];
}

/** A form sends what was left open as nothing. */
const Of = z.strictObject({
  tenant: z.union([z.literal(''), Tenant]).default(''),
  flow: z.union([z.literal(''), z.string().regex(/^[a-z][a-z0-9-]{0,63}$/)]).default(''),
});

/** `/tenants`: what each has and uses; what is paused, by hand. */
export async function tenantsRoutes(
  app: FastifyInstance,
  { operations, snapshots, flows }: TenantsRoutesOptions,
): Promise<void> {
  app.get<{ Querystring: { said?: unknown } }>('/tenants', async (request, reply) => {
    reply.type('text/html; charset=utf-8');
    return tenantsPage({
      ...{ view: await snapshots.tenants(), flows, operator: operatorOf(request), now: Date.now() },
      said: whatWasSaid(request.query.said),
    });
  });

  app.post('/pauses', async (request, reply) => {
    const said = await operations.pause(actorOf(request), pauseOf(request.body));
    snapshots.forgetTenants();
    return reply.redirect(`/tenants?said=${said}`, 303);
  });

  app.post('/pauses/resume', async (request, reply) => {
    const said = await operations.resume(actorOf(request), pauseOf(request.body));
    snapshots.forgetTenants();
    return reply.redirect(`/tenants?said=${said}`, 303);
  });
}

function pauseOf(body: unknown): PauseOf {
  const form = Of.safeParse(body);
  if (!form.success) throw new DashboardProblem(400, 'bad_request', 'The form could not be read.');
  const { tenant, flow } = form.data;
  if (tenant !== '' && flow !== '') return { tenant, flow };
  if (flow !== '') return { flow };
  if (tenant !== '') return { tenant };
  throw new DashboardProblem(400, 'bad_request', 'Choose a flow, a tenant, or both.');
}
