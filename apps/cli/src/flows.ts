import { createClient, type Pause, type PauseOf } from '@holdfast/engine';
import { createOperations, type Operations, Tenant } from '@holdfast/operations';
import { pauseText } from '@holdfast/run-view';
import { z } from 'zod';
import { askFor } from './api.ts';
import type { Commands } from './cli.ts';
import { colorsOf, type Io } from './io.ts';
import { withRedis } from './redis.ts';
import { table } from './table.ts';
import { when } from './times.ts';
import { NothingToDoError, UsageError } from './usage.ts';

const FlowJson = z.looseObject({
  flow: z.string(),
  version: z.number(),
  paused: z.boolean(),
  pausedSince: z.string().optional(),
  pausedFor: z.string().optional(),
});
type FlowJson = z.infer<typeof FlowJson>;
const ListJson = z.looseObject({ data: z.array(FlowJson) });

interface Flags {
  readonly redis?: string | true;
  readonly tenant?: string;
  readonly json?: true;
}

/** `flows`: through the API for the key's tenant; with --redis for one tenant or for all. */
export function addFlowCommands({ program, io }: Commands): void {
  const flows = program.command('flows').description('what there is to run; pauses and resumes it');

  flows
    .command('list')
    .description("the flows, and whether they are paused for the key's tenant")
    .option('--json', 'print JSON')
    .action(async ({ json }: Flags) => {
      const list = await askFor(ListJson, io, 'GET', '/v1/flows');
      if (json) io.out(`${JSON.stringify(list, null, 2)}\n`);
      else io.out(`${describe(io, list.data)}\n`);
    });

  for (const what of ['pause', 'resume'] as const) {
    flows
      .command(`${what} <flow>`)
      .description(
        what === 'pause'
          ? "no new run begins, for the key's tenant; submissions are accepted and wait, what runs goes on"
          : 'what waited begins, in the order in which it came',
      )
      .option('--redis [url]', 'go to Redis itself: for all tenants, or for the one that --tenant names')
      .option('--tenant <name>', 'with --redis: for this tenant alone')
      .option('--json', 'print JSON')
      .action(async (flow: string, flags: Flags) => {
        if (flags.redis === undefined) return throughApi(io, what, flow, flags);
        if (flags.tenant !== undefined) checkTenant(flags.tenant);
        await inRedis(
          io,
          flags,
          what,
          flags.tenant === undefined ? { flow } : { tenant: flags.tenant, flow },
        );
      });
  }
}

async function throughApi(
  io: Io,
  what: 'pause' | 'resume',
  flow: string,
  { tenant, json }: Flags,
): Promise<void> {
  if (tenant !== undefined)
    throw new UsageError("--tenant needs --redis: through the API it is your own key's tenant.");
  const path = `/v1/flows/${encodeURIComponent(flow)}/${what}`;
  const now = await askFor(FlowJson, io, 'POST', path);
  if (json) return io.out(`${JSON.stringify(now, null, 2)}\n`);
  if (what === 'pause') return io.out(`${flow} is paused${since(io, now)}: no new run begins.\n`);
  if (!now.paused) return io.out(`${flow} is resumed: what waited begins.\n`);
  throw new NothingToDoError(
    `${flow} stays paused${since(io, now)}: an operator of the system paused it ${now.pausedFor === 'tenant' ? 'with the whole tenant' : 'for all tenants'}.`,
  );
}

function since(io: Io, { pausedSince }: FlowJson): string {
  return pausedSince === undefined ? '' : ` since ${when(io, pausedSince)}`;
}

function describe(io: Io, flows: readonly FlowJson[]): string {
  const { yellow } = colorsOf(io);
  const rows = flows.map((each) => [
    ...[each.flow, String(each.version)],
    each.paused ? yellow(`paused${since(io, each)}${OF[each.pausedFor ?? ''] ?? ''}`) : 'runs',
  ]);
  return table([['flow', 'version', 'state'], ...rows], [1]);
}

const OF: Readonly<Record<string, string>> = {
  flow_for_all_tenants: ', for all tenants',
  tenant: ', with the whole tenant',
};

/** What is paused for a tenant as a whole, or for all, is for those who can reach Redis. */
export async function inRedis(
  io: Io,
  { redis, json }: Flags,
  what: 'pause' | 'resume',
  of: PauseOf,
): Promise<void> {
  await withOperations(io, redis, async (operations, pauses) => {
    const actor = { name: io.env.USER || io.env.LOGNAME || 'unknown', via: 'cli' } as const;
    const outcome = await operations[what](actor, of);
    const pause = (await pauses()).find(({ tenant, flow }) => tenant === of.tenant && flow === of.flow);
    if (json) return io.out(`${JSON.stringify({ ...of, outcome, paused: pause !== undefined }, null, 2)}\n`);
    if (outcome === 'not_paused') throw new NothingToDoError(`${nameOf(of)} is not paused.`);
    if (outcome === 'resumed') return io.out(`${nameOf(of)} is resumed: what waited begins.\n`);
    io.out(`${pause ? pauseText(pause, Date.now()) : `${nameOf(of)} was paused, and is resumed.`}\n`);
  });
}

export async function withOperations<T>(
  io: Io,
  redis: string | true | undefined,
  use: (operations: Operations, pauses: () => Promise<readonly Pause[]>) => Promise<T>,
): Promise<T> {
  return withRedis(io, redis === true ? undefined : redis, async (connection) => {
    const client = createClient({ connection, flows: [] });
    try {
      return await use(createOperations({ client, connection, log: SILENT }), () => client.pauses());
    } finally {
      await client.close();
    }
  });
}

export function checkTenant(name: string): void {
  const named = Tenant.safeParse(name);
  if (!named.success) throw new UsageError(`${name}: ${named.error.issues[0]?.message ?? 'no tenant'}.`);
}

function nameOf({ tenant, flow }: PauseOf): string {
  if (flow === undefined) return `Tenant ${tenant}`;
  return tenant === undefined ? `${flow}, for all tenants,` : `${flow}, for tenant ${tenant},`;
}

/** What the log would say, the command says by how it ends. */
const SILENT = { debug() {}, info() {}, warn() {}, error() {} };
