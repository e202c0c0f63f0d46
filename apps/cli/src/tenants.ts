import { createClient } from '@holdfast/engine';
import { readTenants, type TenantsView, type TenantView } from '@holdfast/operations';
import { pauseText } from '@holdfast/run-view';
import type { Commands } from './cli.ts';
import { checkTenant, inRedis } from './flows.ts';
import { colorsOf, count, type Io } from './io.ts';
import { withRedis } from './redis.ts';
import { table } from './table.ts';

interface Flags {
  readonly redis?: string | true;
  readonly json?: true;
}

const REDIS = '--redis [url]';
const REDIS_IS = 'where Redis is; default: HOLDFAST_REDIS_URL, else that of the system that runs here';

/** `tenants`: for who can reach Redis, like everything that crosses tenants. */
export function addTenantCommands({ program, io }: Commands): void {
  const tenants = program
    .command('tenants')
    .description('what each tenant has and uses; goes to Redis itself')
    .option(REDIS, REDIS_IS)
    .option('--json', 'print JSON')
    .action(({ redis, json }: Flags) =>
      withRedis(io, redis === true ? undefined : redis, async (connection) => {
        const client = createClient({ connection, flows: [] });
        try {
          const view = await readTenants(connection, () => client.pauses());
          io.out(json ? `${JSON.stringify(view, null, 2)}\n` : describe(io, view));
        } finally {
          await client.close();
        }
      }),
    );

  for (const what of ['pause', 'resume'] as const) {
    tenants
      .command(`${what} <tenant>`)
      .description(
        what === 'pause'
          ? 'no new run of the tenant begins; submissions are accepted and wait, what runs goes on'
          : 'what waited begins, unless its flow is paused',
      )
      .option(REDIS, REDIS_IS)
      .option('--json', 'print JSON')
      .action(async (tenant: string, flags: Flags, command: { optsWithGlobals(): Flags }) => {
        checkTenant(tenant);
        await inRedis(io, { ...flags, ...command.optsWithGlobals() }, what, { tenant });
      });
  }
}

function describe(io: Io, { tenants, pauses, limits, ...of }: TenantsView): string {
  if (tenants.length === 0) return 'No tenant has submitted a run yet.\n';
  const { yellow } = colorsOf(io);
  const head = ['tenant', 'open', 'dead', 'kept', 'stored', 'req/s', 'waits', 'streams', ''];
  const rows = tenants.map((each) => [
    ...[each.tenant, count(each.open), count(each.dead), count(each.kept), `≈ ${bytes(each.bytes)}`],
    ...[String(each.requestsPerSecond), count(each.waits), count(each.streams)],
    yellow(pausesOf(each)),
  ]);
  const now = Date.now();
  const lines = [
    table([head, ...rows], [1, 2, 3, 4, 5, 6, 7]),
    `  Of each tenant at most: ${limitText(limits)}.`,
    ...pauses.map((pause) => `  ${yellow(pauseText(pause, now))}`),
    ...(of.unfinishedLookedAt < of.unfinished
      ? [
          `  "open" is counted over ${count(of.unfinishedLookedAt)} of ${count(of.unfinished)} unfinished runs.`,
        ]
      : []),
    ...(of.tenantsLeftOut > 0 ? [`  ${count(of.tenantsLeftOut)} more tenants are not shown.`] : []),
  ];
  return `${lines.join('\n')}\n`;
}

function pausesOf({ pauses }: TenantView): string {
  if (pauses.some(({ flow }) => flow === undefined)) return 'paused';
  return pauses.length > 0 ? `paused: ${pauses.map(({ flow }) => flow).join(', ')}` : '';
}

function limitText({ requestsPerSecond, waits, streams }: TenantsView['limits']): string {
  if (waits + streams === 0) return 'nothing is known, since no API process runs';
  const requests = requestsPerSecond === undefined ? 'any number of requests' : `${requestsPerSecond} req/s`;
  return `${requests}, ${count(waits)} waits, ${count(streams)} streams`;
}

/** `1536` → `1.5 kB` */
export function bytes(n: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let [value, unit] = [n, 0];
  while (value >= 1024 && unit < units.length - 1) [value, unit] = [value / 1024, unit + 1];
  return `${value >= 100 || unit === 0 ? Math.round(value) : Math.round(value * 10) / 10} ${units[unit]}`;
}
