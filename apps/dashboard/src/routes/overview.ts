import { setTimeout as delay } from 'node:timers/promises';
import type { Client, Overview, Run } from '@holdfast/engine';
import { type Operations, SYSTEM } from '@holdfast/operations';
import type { FastifyInstance } from 'fastify';
import type { BulkRedrives } from '../bulk-redrives.ts';
import type { FaultPanel } from '../fault-panel.ts';
import { shownTo } from '../for-viewer.ts';
import { overviewPage } from '../pages/overview-page.ts';
import { whatWasSaid } from '../pages/said.ts';
import { operatorOf } from '../plugins/login.ts';
import type { EventStreams } from '../server-events.ts';
import type { Snapshots } from '../snapshots.ts';

export interface OverviewRoutesOptions {
  readonly client: Client;
  readonly operations: Operations;
  readonly snapshots: Snapshots;
  readonly redrives: BulkRedrives;
  readonly events: EventStreams;
  readonly faults?: FaultPanel | undefined;
}

const NEWEST = 12;
const TENANTS_LISTED = 20;
const LOOK_EVERY_MS = 2_000;

/** `/`: how everything stands; and word when it has changed. */
export async function overviewRoutes(
  app: FastifyInstance,
  { client, operations, snapshots, redrives, events, faults }: OverviewRoutesOptions,
): Promise<void> {
  app.get<{ Querystring: { said?: unknown } }>('/', async (request, reply) => {
    const [snapshot, fleet] = await Promise.all([snapshots.latest(), snapshots.fleet()]);
    const [runs, reopened, faultState] = await Promise.all([
      newest(client, snapshot.overview.tenants),
      operations.audit(SYSTEM, { limit: 20 }),
      // the page is there without it, too
      faults?.state().catch(() => undefined),
    ]);
    reply.type('text/html; charset=utf-8');
    return overviewPage({
      runs: runs.map((run) => shownTo(operatorOf(request), run)),
      ...{ snapshot, fleet, reopened: reopened.data, redrives: redrives.list() },
      ...{ operator: operatorOf(request), faults: faultState, said: whatWasSaid(request.query.said) },
    });
  });

  app.get('/events', async (request, reply) => {
    async function* changes(signal: AbortSignal): AsyncGenerator<{ readonly id: string }, void> {
      let known: string | undefined;
      while (!signal.aborted) {
        const state = await snapshots.latest().then(
          ({ overview }) => JSON.stringify([facts(overview), redrives.list()]),
          () => known,
        );
        if (known !== undefined && state !== known) yield { id: String(Date.now()) };
        known = state;
        await delay(LOOK_EVERY_MS, undefined, { signal }).catch(() => {});
      }
    }
    return events.send(request, reply, changes);
  });
}

/** What is worth a new look: not that time goes on. */
function facts({ kept, unfinished, dead, stranded, newest: { byStatus } }: Overview): unknown {
  return [kept, unfinished, dead, stranded, byStatus];
}

async function newest(client: Client, tenants: readonly string[]): Promise<readonly Run[]> {
  const lists = tenants.slice(0, TENANTS_LISTED).map((tenant) => client.listRuns(tenant, { limit: NEWEST }));
  const runs = (await Promise.all(lists)).flatMap((page) => page.runs);
  return runs.sort((a, b) => b.createdAt - a.createdAt).slice(0, NEWEST);
}
