import { type Client, InvalidCursorError, type RunStatus } from '@holdfast/engine';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { shownTo } from '../for-viewer.ts';
import { type RunsPageParts, runsPage, STATUSES } from '../pages/runs-page.ts';
import { operatorOf } from '../plugins/login.ts';
import { DashboardProblem } from '../problems.ts';
import type { Snapshots } from '../snapshots.ts';

const PAGE = 25;

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
  prefix: filled,
  tag: filled.pipe(
    z
      .string()
      .regex(/^[a-z0-9_-]{1,40}[:=][!-+\--~]{1,100}$/)
      .optional(),
  ),
  since: filled.pipe(z.iso.datetime({ local: true, offset: true }).optional()),
  until: filled.pipe(z.iso.datetime({ local: true, offset: true }).optional()),
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
    if (!parsed.success) {
      const fields = parsed.error.issues.map(({ path }) => path.join('.')).join(', ');
      throw new DashboardProblem(400, 'bad_request', `The filter could not be read: ${fields}.`);
    }
    const query = parsed.data;
    if (query.key?.startsWith('run_') && (await client.findRun(query.key, { input: false }))) {
      return reply.redirect(`/runs/${query.key}`, 303);
    }
    const tenants = await client.tenants();
    const { runs, unreadable, nextCursor, tenantsLeftOut } = await find(client, query);
    reply.type('text/html; charset=utf-8');
    return runsPage({
      runs: runs.map((run) => shownTo(operatorOf(request), run)),
      ...{ unreadable, nextCursor, tenantsLeftOut, query, tenants, flows },
      ...{ operator: operatorOf(request), now: Date.now() },
      ...{ fleet: await snapshots.fleet(), pauses: await snapshots.pauses() },
    });
  });
}

type Found = Pick<RunsPageParts, 'runs' | 'unreadable' | 'nextCursor' | 'tenantsLeftOut'>;

/** Of one tenant, or of all together. */
async function find(client: Client, query: RunsQuery): Promise<Found> {
  const { tenant, flow, status, code, key, prefix, tag, since, until, cursor } = query;
  const asked = {
    ...(flow !== undefined && { flow }),
    ...(status !== undefined && { status: status satisfies RunStatus }),
    ...(code !== undefined && { code }),
    ...(key !== undefined && { key }),
    ...(prefix !== undefined && { keyPrefix: prefix }),
    ...(tag !== undefined && { tag: tagOf(tag) }),
    ...(since !== undefined && { since: timeOf(since) }),
    ...(until !== undefined && { before: timeOf(until) }),
    ...(cursor !== undefined && { cursor }),
    ...{ limit: PAGE, input: false },
  };
  try {
    const page: Awaited<ReturnType<Client['listAll']>> =
      tenant === undefined ? await client.listAll(asked) : await client.listRuns(tenant, asked);
    return {
      ...{ runs: page.runs, unreadable: page.unreadable ?? [], nextCursor: page.nextCursor },
      tenantsLeftOut: page.tenantsLeftOut ?? 0,
    };
  } catch (error) {
    if (!(error instanceof InvalidCursorError)) throw error;
    throw new DashboardProblem(400, 'bad_request', 'Unknown cursor. Go back to the first page of the list.');
  }
}

function tagOf(text: string): { readonly name: string; readonly value: string } {
  const at = text.search(/[:=]/);
  return { name: text.slice(0, at), value: text.slice(at + 1) };
}

/** A form's field of a date and time says no zone: it is UTC, as its label says. */
function timeOf(text: string): number {
  return Date.parse(/(?:Z|[+-]\d\d:?\d\d)$/.test(text) ? text : `${text}Z`);
}
