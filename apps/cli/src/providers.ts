import { OperatorError } from '@holdfast/app-kit';
import { z } from 'zod';
import { askFor } from './api.ts';
import type { Commands } from './cli.ts';
import { count } from './io.ts';
import { table } from './table.ts';

/** A provider as the API shows it, as far as it is used here; `--json` prints all of it. */
const ProviderJson = z.looseObject({
  provider: z.string(),
  account: z.string(),
  calls: z.number(),
  errorRate: z.number(),
  latencyMs: z.looseObject({ p50: z.number(), p99: z.number() }).optional(),
  limit: z.looseObject({ learnedPerSecond: z.number().optional(), closedForMs: z.number() }),
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
  program
    .command('providers')
    .description('how the providers are doing: calls, errors, latency, limit, breaker')
    .option('--minutes <n>', 'what the counts are over, 1 to 60', '15')
    .option('--errors', 'the last errors of each as well')
    .option('--json', 'print JSON')
    .action(async ({ minutes, errors, json }: { minutes: string; errors?: true; json?: true }) => {
      if (!/^([1-9]|[1-5]\d|60)$/.test(minutes)) {
        throw new OperatorError(`--minutes takes a whole number from 1 to 60, not "${minutes}".`);
      }
      const list = await askFor(ListJson, io, 'GET', `/v1/providers?minutes=${minutes}`);
      if (json) io.out(`${JSON.stringify(list, null, 2)}\n`);
      else io.out(describe(list.data, minutes, errors === true));
    });
}

function describe(providers: readonly ProviderJson[], minutes: string, errors: boolean): string {
  if (providers.length === 0) return 'No provider was called in the last week.\n';
  const head = ['provider', 'account', 'calls', 'errors', 'p50', 'p99', 'limit', 'now'];
  const rows = providers.map(({ provider, account, calls, errorRate, latencyMs, limit, breaker }) => [
    ...[provider, account, count(calls), `${(errorRate * 100).toFixed(1)} %`],
    ...[latencyMs?.p50, latencyMs?.p99].map((ms) => (ms === undefined ? '–' : `${Math.round(ms)} ms`)),
    limit.learnedPerSecond === undefined ? '–' : `${limit.learnedPerSecond.toFixed(1)}/s`,
    now(limit, breaker),
  ]);
  const last = errors ? providers.flatMap(describeErrors) : [];
  return [table([head, ...rows], [2, 3, 4, 5, 6]), `  over ${minutes} min`, ...last, ''].join('\n');
}

function now(
  { closedForMs }: ProviderJson['limit'],
  { state, probeInMs = 0 }: ProviderJson['breaker'],
): string {
  if (state === 'open') return `down: only probes, the next in ${seconds(probeInMs)}`;
  if (state === 'half_open') return 'down: a probe is under way';
  return closedForMs > 0 ? `asked for a pause of ${seconds(closedForMs)} more` : 'takes calls';
}

function describeErrors({ provider, account, lastErrors }: ProviderJson): string[] {
  if (lastErrors.length === 0) return [];
  const rows = lastErrors.map(({ at, kind, code, message, runId }) => [
    ...[at, kind, code, runId ?? '–', message],
  ]);
  return ['', `${provider} ${account}`, table(rows)];
}

function seconds(ms: number): string {
  return `${Math.ceil(ms / 100) / 10} s`;
}
