import { OperatorError } from '@holdfast/app-kit';
import { type ReopenedAccount, redisStore, reopenProvider } from '@holdfast/http';
import { createAuditLog, reopenAudited } from '@holdfast/operations';
import { inWords } from '@holdfast/run-view';
import { z } from 'zod';
import { askFor } from './api.ts';
import type { Commands } from './cli.ts';
import { colorsOf, count, type Io } from './io.ts';
import { withRedis } from './redis.ts';
import { table, widthOf } from './table.ts';
import { when } from './times.ts';
import { UsageError } from './usage.ts';

/** A provider as the API shows it, as far as it is used here; `--json` prints all of it. */
const ProviderJson = z.looseObject({
  provider: z.string(),
  account: z.string(),
  calls: z.number(),
  errorRate: z.number(),
  latencyMs: z.looseObject({ p50: z.number(), p99: z.number() }).optional(),
  limit: z.looseObject({ learnedPerSecond: z.number().optional(), closedForMs: z.number() }),
  endpoints: z
    .array(
      z.looseObject({
        endpoint: z.string(),
        learnedPerSecond: z.number().optional(),
        closedForMs: z.number(),
      }),
    )
    .default([]),
  breaker: z.looseObject({ state: z.string(), probeInMs: z.number().optional() }),
  lastErrors: z.array(
    z.looseObject({
      ...{ at: z.string(), kind: z.string(), code: z.string(), message: z.string() },
      runId: z.string().optional(),
    }),
  ),
});
type ProviderJson = z.infer<typeof ProviderJson>;
const ListJson = z.looseObject({ data: z.array(ProviderJson) });

export function addProvidersCommand({ program, io }: Commands): void {
  const providers = program
    .command('providers')
    .description('shows provider health: calls, errors, latency, limit, breaker')
    .option('--minutes <n>', 'minutes to count over, 1 to 60', '15')
    .option('--errors', 'also show the last errors of each')
    .option('--json', 'print JSON')
    .action(async ({ minutes, errors, json }: { minutes: string; errors?: true; json?: true }) => {
      if (!/^([1-9]|[1-5]\d|60)$/.test(minutes)) {
        throw new UsageError(`--minutes takes a whole number from 1 to 60, not "${minutes}".`);
      }
      const list = await askFor(ListJson, io, 'GET', `/v1/providers?minutes=${minutes}`);
      if (json) io.out(`${JSON.stringify(list, null, 2)}\n`);
      else io.out(describe(io, list.data, minutes, errors === true));
    });

  providers
    .command('reopen <provider>')
    .description(
      'ends the pause that a provider asked for and closes its breaker; uses Redis directly and is audited',
    )
    .option('--redis <url>', 'Redis to use (default: HOLDFAST_REDIS_URL, else the one of the local system)')
    .option('--json', 'print JSON')
    .action((provider: string, { redis, json }: { redis?: string; json?: true }) =>
      withRedis(io, redis, async (connection) => {
        const actor = { name: io.env.USER || io.env.LOGNAME || 'unknown', via: 'cli' } as const;
        const store = redisStore({ connection });
        const audit = createAuditLog({ connection, log: SILENT });
        const opened = await reopenAudited(audit, actor, provider, () => reopenProvider(store, provider));
        if (!opened) {
          const known = [...new Set((await store.scopes()).map((scope) => scope.split('@')[0]))];
          throw new OperatorError(
            `No provider "${provider}" was called in the last week.\nThere ${known.length === 1 ? 'is' : 'are'}: ${known.join(', ') || 'none'}.`,
          );
        }
        io.out(
          json
            ? `${JSON.stringify({ provider, accounts: opened }, null, 2)}\n`
            : reopenedText(provider, opened),
        );
      }),
    );
}

/** What the log would say, the command says by how it ends. */
const SILENT = { debug() {}, info() {}, warn() {}, error() {} };

function reopenedText(provider: string, accounts: readonly ReopenedAccount[]): string {
  const shut = accounts.filter(({ closedForMs, breaker }) => closedForMs > 0 || breaker === 'open');
  if (shut.length === 0) return `${provider} was open already: calls to it were not held back.\n`;
  const lines = shut.map(({ account, closedForMs, breaker }) => {
    const was = [
      ...(closedForMs > 0 ? [`closed for another ${inWords(closedForMs)}`] : []),
      ...(breaker === 'open' ? ['its breaker was open'] : []),
    ];
    return `${provider} ${account}: was ${was.join(', ').replace('was its', 'its')}; open now.`;
  });
  return `${lines.join('\n')}\nPostponed runs come back within a minute.\n`;
}

function describe(io: Io, providers: readonly ProviderJson[], minutes: string, errors: boolean): string {
  if (providers.length === 0) return 'No provider was called in the last week.\n';
  const head = ['provider', 'account', 'calls', 'errors', 'p50', 'p99', 'limit', 'now'];
  const rows = providers.map(
    ({ provider, account, calls, errorRate, latencyMs, limit, endpoints, breaker }) => [
      ...[provider, account, count(calls), `${(errorRate * 100).toFixed(1)} %`],
      ...[latencyMs?.p50, latencyMs?.p99].map((ms) => (ms === undefined ? '–' : `${Math.round(ms)} ms`)),
      rate(limit.learnedPerSecond, endpoints),
      now(io, limit, endpoints, breaker),
    ],
  );
  const last = errors ? describeErrors(io, providers) : [];
  return [table([head, ...rows], [2, 3, 4, 5, 6]), `  over ${minutes} min`, ...last, ''].join('\n');
}

/** Of the account; else of the endpoint that was slowed most, with its name. */
function rate(account: number | undefined, endpoints: ProviderJson['endpoints']): string {
  if (account !== undefined) return `${account.toFixed(1)}/s`;
  const [slowest] = endpoints
    .flatMap(({ endpoint, learnedPerSecond }) =>
      learnedPerSecond === undefined ? [] : [{ endpoint, perSecond: learnedPerSecond }],
    )
    .toSorted((a, b) => a.perSecond - b.perSecond);
  return slowest ? `${slowest.perSecond.toFixed(1)}/s (${slowest.endpoint})` : '–';
}

/** Until when it is closed is in red: beside a failure rate, an unmarked word is read as "fine". */
function now(
  io: Io,
  { closedForMs }: ProviderJson['limit'],
  endpoints: ProviderJson['endpoints'],
  { state, probeInMs = 0 }: ProviderJson['breaker'],
): string {
  const { red } = colorsOf(io);
  if (closedForMs > 0)
    return red(`no calls until ${until(closedForMs)}: asked for a pause of ${seconds(closedForMs)} more`);
  if (state === 'open')
    return red(`down until ${until(probeInMs)}: only probes, the next in ${seconds(probeInMs)}`);
  const shut = endpoints.toSorted((a, b) => b.closedForMs - a.closedForMs)[0];
  if (shut && shut.closedForMs > 0 && state === 'closed')
    return red(`no calls to ${shut.endpoint} until ${until(shut.closedForMs)}: it asked for a pause`);
  return state === 'half_open' ? red('down: a probe is under way') : 'takes calls';
}

/** Of all providers together, the latest first. */
function describeErrors(io: Io, providers: readonly ProviderJson[]): string[] {
  const all = providers.flatMap(({ provider, lastErrors }) =>
    lastErrors.map((error) => ({ provider, ...error })),
  );
  if (all.length === 0) return [];
  const rows = all
    .sort((a, b) => Date.parse(b.at) - Date.parse(a.at))
    .map(({ provider, at, kind, code, message, runId }) => [
      ...[when(io, at), provider, kind, code, runId ?? '–', message],
    ]);
  return ['', table([['when', 'provider', 'kind', 'code', 'run', 'message'], ...rows], [], widthOf(io))];
}

/** `03:12:10 UTC` */
function until(ms: number): string {
  return `${new Date(Date.now() + ms).toISOString().slice(11, 19)} UTC`;
}

function seconds(ms: number): string {
  return `${Math.ceil(ms / 100) / 10} s`;
}
