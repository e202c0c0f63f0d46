import { type Client, type FlowContract, lackOf, type Run } from '@holdfast/engine';
import type { Operations } from '@holdfast/operations';
import { editionOf, timelineSvg } from '@holdfast/run-view';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { shownTo } from '../for-viewer.ts';
import { heldBackBy } from '../pages/parts.ts';
import { runPage } from '../pages/run-page.ts';
import { whatWasSaid } from '../pages/said.ts';
import { operatorOf } from '../plugins/login.ts';
import { PICTURE_POLICY } from '../plugins/security-headers.ts';
import { DashboardProblem } from '../problems.ts';
import type { EventStreams } from '../server-events.ts';
import type { Snapshots } from '../snapshots.ts';

export interface RunRoutesOptions {
  readonly client: Client;
  readonly operations: Operations;
  readonly events: EventStreams;
  /** Of every version that a run may be at. */
  readonly contracts: readonly FlowContract[];
  readonly snapshots: Snapshots;
}

const AUDIT_SHOWN = 20;

interface RunRequest {
  Params: { id: string };
  Querystring: { said?: unknown; width?: unknown; since?: unknown };
}

/** `/runs/{id}`, its picture, and its changes as events. */
export async function runRoutes(
  app: FastifyInstance,
  { client, operations, events, contracts, snapshots }: RunRoutesOptions,
): Promise<void> {
  app.get<RunRequest>('/runs/:id', async (request, reply) => {
    const operator = operatorOf(request);
    const found = await runOf(client, request.params.id);
    const run = shownTo(operator, operator.role === 'admin' ? await client.withInput(found) : found);
    const { data: audit } = await operations.audit(run.tenant, { runId: run.id, limit: AUDIT_SHOWN });
    reply.type('text/html; charset=utf-8');
    return runPage({
      ...{ run, audit, operator, now: nowFor(run) },
      said: whatWasSaid(request.query.said),
      flow: contractOf(contracts, run),
      lacks: lackOf(await snapshots.fleet(), run),
      pause: heldBackBy(await snapshots.pauses(), run),
    });
  });

  app.get<RunRequest>('/runs/:id/timeline.svg', async (request, reply) => {
    const run = shownTo(operatorOf(request), await runOf(client, request.params.id));
    const width = Number(request.query.width ?? 760);
    const widthPx = Number.isFinite(width) ? Math.min(Math.max(width, 280), 1_600) : 760;
    reply.type('image/svg+xml; charset=utf-8').header('content-security-policy', PICTURE_POLICY);
    return timelineSvg(run, { now: nowFor(run), widthPx });
  });

  app.get<RunRequest>('/runs/:id/events', async (request, reply) => {
    const run = await runOf(client, request.params.id);
    return events.send(request, reply, (signal) => changesOf(client, run, knownTo(request), signal));
  });
}

/** What is known of a run's flow, in its version if there is one. */
export function contractOf(contracts: readonly FlowContract[], run: Run): FlowContract | undefined {
  const named = contracts.filter(({ name }) => name === run.flow);
  return named.find(({ version }) => version === run.version) ?? named[0];
}

export async function runOf(client: Client, id: string): Promise<Run> {
  const run = await client.findRun(id);
  if (!run)
    throw new DashboardProblem(404, 'run_not_found', 'There is no run with this id, or it has expired.');
  return run;
}

async function* changesOf(
  client: Client,
  run: Run,
  known: string | undefined,
  signal: AbortSignal,
): AsyncGenerator<{ readonly id: string }, void> {
  if (editionOf(run) !== known) yield { id: editionOf(run) };
  for await (const changed of client.changes(run, signal)) yield { id: editionOf(changed) };
}

/** What the page shows, or its browser has heard of since. */
function knownTo({ headers, query }: FastifyRequest<RunRequest>): string | undefined {
  const known = headers['last-event-id'] ?? query.since;
  return typeof known === 'string' ? known : undefined;
}

/** The clock here may be behind that of Redis. */
function nowFor({ updatedAt }: Run): number {
  return Math.max(Date.now(), updatedAt);
}
