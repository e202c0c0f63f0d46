import { type Client, type FlowContract, type Pause, pauseOver } from '@holdfast/engine';
import type { Operations } from '@holdfast/operations';
import { time } from '@holdfast/run-view';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { actorOf, principalOf } from '../plugins/authentication.ts';
import { ProblemError } from '../problems.ts';
import { expectNoBody } from '../read-body.ts';

export const FlowJson = z.object({
  flow: z.string(),
  version: z.int().min(1).meta({ description: 'What new runs begin with.' }),
  paused: z
    .boolean()
    .meta({ description: "No new run of the key's tenant begins. Submissions are accepted, and wait." }),
  pausedSince: time.optional(),
  pausedFor: z.enum(['flow', 'flow_for_all_tenants', 'tenant']).optional().meta({
    description:
      '`flow`: by this tenant, which can resume it. `flow_for_all_tenants`, `tenant` (all its flows): by an operator of the system.',
  }),
});

export const FlowListJson = z.object({ data: z.array(FlowJson) });

export interface FlowRoutesOptions {
  readonly client: Client;
  readonly operations: Operations;
  readonly contracts: readonly FlowContract[];
}

interface OfFlow {
  Params: { flow: string };
}

/** `GET /v1/flows`, and `POST /v1/flows/{flow}/pause` and `/resume` for the key's tenant. */
export async function flowRoutes(
  app: FastifyInstance,
  { client, operations, contracts }: FlowRoutesOptions,
): Promise<void> {
  const versions = latestVersions(contracts);
  const act = { config: { access: 'operate' as const, body: 'none' as const } };

  const shown = (flow: string, version: number, tenant: string, pauses: readonly Pause[]) => ({
    ...{ flow, version },
    ...present(pauseOver(pauses, { tenant, flow })),
  });

  const known = (request: FastifyRequest<OfFlow>) => {
    expectNoBody(request.body);
    const { flow } = request.params;
    const version = versions.get(flow);
    if (version === undefined) throw new ProblemError('flow_unknown', `No flow is called "${flow}".`);
    return { flow, version, tenant: principalOf(request).tenant };
  };

  app.get('/v1/flows', { config: { access: 'read' } }, async (request) => {
    const { tenant } = principalOf(request);
    const pauses = await client.pauses();
    return { data: [...versions].map(([flow, version]) => shown(flow, version, tenant, pauses)) };
  });

  app.post<OfFlow>('/v1/flows/:flow/pause', act, async (request) => {
    const { flow, version, tenant } = known(request);
    await operations.pause(actorOf(request), { tenant, flow });
    return shown(flow, version, tenant, await client.pauses());
  });

  app.post<OfFlow>('/v1/flows/:flow/resume', act, async (request) => {
    const { flow, version, tenant } = known(request);
    await operations.resume(actorOf(request), { tenant, flow });
    return shown(flow, version, tenant, await client.pauses());
  });
}

function latestVersions(contracts: readonly FlowContract[]): ReadonlyMap<string, number> {
  const latest = new Map<string, number>();
  for (const { name, version } of contracts) latest.set(name, Math.max(version, latest.get(name) ?? 0));
  return new Map([...latest].sort(([a], [b]) => a.localeCompare(b)));
}

function present(pause: Pause | undefined): Omit<z.infer<typeof FlowJson>, 'flow' | 'version'> {
  if (!pause) return { paused: false };
  const pausedFor =
    pause.flow === undefined ? 'tenant' : pause.tenant === undefined ? 'flow_for_all_tenants' : 'flow';
  return { paused: true, pausedSince: new Date(pause.at).toISOString(), pausedFor };
}
