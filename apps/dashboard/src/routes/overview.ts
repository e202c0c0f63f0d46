import { setTimeout as delay } from 'node:timers/promises';
import type { Client, Overview } from '@holdfast/engine';
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
const LOOK_EVERY_MS = 2_000;

/** `/`: how everything stands; and word when it has changed. */
export async function overviewRoutes(
  app: FastifyInstance,
  { client, operations, snapshots, redrives, events, faults }: OverviewRoutesOptions,
): Promise<void> {
  app.get<{ Querystring: { said?: unknown } }>('/', async (request, reply) => {
    const [snapshot, fleet, pauses] = await Promise.all([
      snapshots.latest(),
      snapshots.fleet(),
      snapshots.pauses(),
    ]);
    const [runs, reopened, faultState] = await Promise.all([
      client.listAll({ limit: NEWEST, input: false }).then(({ runs }) => runs),
      operations.audit(SYSTEM, { limit: 20 }),
      // the page is there without it, too
      faults?.state().catch(() => undefined),
    ]);
    reply.type('text/html; charset=utf-8');
    return overviewPage({
      runs: runs.map((run) => shownTo(operatorOf(request), run)),
      ...{ snapshot, fleet, pauses, reopened: reopened.data, redrives: redrives.list() },
      ...{ operator: operatorOf(request), faults: faultState, said: whatWasSaid(request.query.said) },
    });
  });

  app.get('/events', async (request, reply) => {
    async function* changes(signal: AbortSignal): AsyncGenerator<{ readonly id: string }, void> {
      let known: string | undefined;
      while (!signal.aborted) {
        const state = await Promise.all([snapshots.latest(), snapshots.pauses()]).then(
          ([{ overview }, pauses]) => JSON.stringify([facts(overview), pauses, redrives.list()]),
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
