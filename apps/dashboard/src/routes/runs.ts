import { type Client, InvalidCursorError, type RunStatus } from '@holdfast/engine';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { shownTo } from '../for-viewer.ts';
import { type RunsPageParts, runsPage, STATUSES } from '../pages/runs-page.ts';
import { operatorOf } from '../plugins/login.ts';
import { DashboardProblem } from '../problems.ts';
import type { Snapshots } from '../snapshots.ts';

const PAGE = 25;
/** Lists of so many tenants are merged at most; there is a choice of tenant besides. */
const MERGED = 20;

/** A form sends what was left empty as well. */
const filled = z
  .string()
  .max(300)
  .optional()
  .transform((text) => text?.trim() || undefined);

const Query = z.object({
  tenant: filled,
  flow: filled,
  status: filled.pipe(z.enum(STATUSES).optional()),
  code: filled,
  key: filled,
  cursor: filled,
});
export type RunsQuery = z.infer<typeof Query>;

export interface RunsRoutesOptions {
  readonly client: Client;
  readonly flows: readonly string[];
  readonly snapshots: Snapshots;
}

/** `/runs`: what there is, filtered and page by page. */
export async function runsRoutes(
  app: FastifyInstance,
  { client, flows, snapshots }: RunsRoutesOptions,
): Promise<void> {
  app.get('/runs', async (request, reply) => {
    const parsed = Query.safeParse(request.query);
    if (!parsed.success) throw new DashboardProblem(400, 'bad_request', 'The filter could not be read.');
    const query = parsed.data;
    if (query.key?.startsWith('run_') && (await client.findRun(query.key))) {
      return reply.redirect(`/runs/${query.key}`, 303);
    }
    const tenants = await client.tenants();
    const among = query.tenant === undefined ? tenants.slice(0, MERGED) : [query.tenant];
    const { runs, unreadable, nextCursor } = await find(client, among, query);
    reply.type('text/html; charset=utf-8');
    return runsPage({
      runs: runs.map((run) => shownTo(operatorOf(request), run)),
      ...{ unreadable, nextCursor, query, tenants, flows },
      ...{ operator: operatorOf(request), now: Date.now(), fleet: await snapshots.fleet() },
    });
  });
}

async function find(
  client: Client,
  tenants: readonly string[],
  query: RunsQuery,
): Promise<Pick<RunsPageParts, 'runs' | 'unreadable' | 'nextCursor'>> {
  const { flow, status, code, key, cursor } = query;
  const filter = {
    ...(flow !== undefined && { flow }),
    ...(status !== undefined && { status: status satisfies RunStatus }),
    ...(code !== undefined && { code }),
    ...(key !== undefined && { key }),
  };
  const [only, ...others] = tenants;
  if (only === undefined) return { runs: [], unreadable: [], nextCursor: undefined };
  if (others.length === 0) {
    const page = await listOne(client, only, {
      ...filter,
      limit: PAGE,
      ...(cursor !== undefined && { cursor }),
    });
    return { runs: page.runs, unreadable: page.unreadable ?? [], nextCursor: page.nextCursor };
  }
  const pages = await Promise.all(
    tenants.map((tenant) => client.listRuns(tenant, { ...filter, limit: PAGE })),
  );
  const runs = pages.flatMap((page) => page.runs).sort((a, b) => b.createdAt - a.createdAt);
  const unreadable = pages.flatMap((page) => page.unreadable ?? []);
  return { runs: runs.slice(0, PAGE), unreadable, nextCursor: undefined };
}

async function listOne(client: Client, tenant: string, query: Parameters<Client['listRuns']>[1]) {
  try {
    return await client.listRuns(tenant, query);
  } catch (error) {
    if (!(error instanceof InvalidCursorError)) throw error;
    throw new DashboardProblem(400, 'bad_request', 'Unknown cursor. Go back to the first page of the list.');
  }
}
