import {
  type Finding,
  judgeRedis,
  type NodeFacts,
  type PreflightSettings,
  preflightSettings,
  preflightVariables,
  readConfig,
  readFacts,
  refusing,
} from '@holdfast/app-kit';
import { isLocalHost } from '@holdfast/http';
import type { Commands } from './cli.ts';
import { type Colors, colorsOf, type Io } from './io.ts';
import { withRedis } from './redis.ts';
import { table } from './table.ts';

interface Examined {
  readonly facts: NodeFacts;
  readonly findings: readonly Finding[];
}

export function addDoctorCommand({ program, io, ends }: Commands): void {
  program
    .command('doctor')
    .description('checks whether accepted runs are safe in Redis; exit code 1 when something is wrong')
    .option('--redis <url>', 'Redis to use (default: HOLDFAST_REDIS_URL, else the one of the local system)')
    .option('--json', 'print JSON')
    .action(async ({ redis, json }: { redis?: string; json?: true }) => {
      const settings = preflightSettings(readConfig(preflightVariables, io.env));
      const examined = await withRedis(io, redis, async (connection) =>
        (await readFacts(connection)).map((facts) => ({
          facts,
          findings: judgeRedis(facts, settings.attest),
        })),
      );
      const wrong = examined.flatMap(({ findings }) => findings).filter((f) => !isAccepted(f, settings));
      const variables = missingSender(io.env);
      const ok = wrong.length === 0 && variables.length === 0;
      if (json) io.out(`${JSON.stringify({ ok, ...settings, nodes: examined, variables }, null, 2)}\n`);
      else {
        for (const { variable, message } of variables) io.out(`${variable} ${message}.\n\n`);
        io.out(describe(examined, settings, io));
      }
      ends(ok ? 0 : 1);
    });
}

/** Where this environment is a worker's: a mail server elsewhere refuses mails under a made-up sender, or loses them. */
function missingSender(
  env: NodeJS.ProcessEnv,
): readonly { readonly variable: string; readonly message: string }[] {
  const { HOLDFAST_EMAIL_URL: url, HOLDFAST_EMAIL_FROM: from, HOLDFAST_PLAINTEXT_HOSTS: hosts = '' } = env;
  if (from || !url || !URL.canParse(url)) return [];
  const { hostname } = new URL(url);
  if (
    isLocalHost(
      hostname,
      hosts.split(',').map((host) => host.trim().toLowerCase()),
    )
  )
    return [];
  const message = `is missing: workers do not start with the mail server ${hostname}. Set it to who mails are from, as in "Shop <orders@example.com>"`;
  return [{ variable: 'HOLDFAST_EMAIL_FROM', message }];
}

function isAccepted({ gravity }: Finding, { durability }: PreflightSettings): boolean {
  return gravity === 'loss' && durability === 'standard';
}

function describe(examined: readonly Examined[], settings: PreflightSettings, io: Io): string {
  const colors = colorsOf(io);
  const findings = examined.flatMap((each) => each.findings);
  const parts = examined.map(
    ({ facts, findings }) => `Redis ${facts.node}\n\n${table(rowsOf(facts, findings, colors))}\n`,
  );
  for (const { setting, value, risk, fix } of findings) {
    parts.push(`${setting} is ${value}: ${risk}.\n  fix: ${fix}\n`);
  }
  if (settings.attest) parts.push(`Attested (HOLDFAST_DURABILITY_ATTEST): ${settings.attest}\n`);
  parts.push(`${verdict(findings, settings)}\n`);
  return parts.join('\n');
}

/** A row per fact, with what was found about it. */
function rowsOf(facts: NodeFacts, findings: readonly Finding[], colors: Colors): string[][] {
  const known = 'refusal' in facts ? [] : knownFacts(facts);
  const others = findings.filter(({ setting }) => !known.some(([name]) => name === setting));
  return [...known, ...others.map(({ setting, value }) => [setting, value] as const)].map(([name, value]) => {
    const found = findings.find(({ setting }) => setting === name);
    if (!found) return [name, value, colors.green('ok')];
    const word = { unusable: 'cannot be used', loss: 'could lose runs', trouble: 'trouble' }[found.gravity];
    return [name, found.value, (found.gravity === 'trouble' ? colors.yellow : colors.red)(word)];
  });
}

function knownFacts(facts: Exclude<NodeFacts, { refusal: string }>): (readonly [string, string])[] {
  const { disk } = facts;
  return [
    ['redis_version', facts.version],
    ['role', facts.role],
    ...(disk.from === 'config'
      ? ([
          ['appendonly', disk.appendOnly],
          ['appendfsync', disk.appendFsync],
          ['no-appendfsync-on-rewrite', disk.noAppendFsyncOnRewrite],
        ] as const)
      : ([['appendfsync', 'unknown']] as const)),
    ['maxmemory-policy', facts.maxMemoryPolicy],
    ['used_memory', `${megabytes(facts.usedMemoryBytes)} MB, ${bound(facts.maxMemoryBytes)}`],
    ['evicted_keys', String(facts.evictedKeys)],
    ['aof_last_write_status', facts.lastAofWrite],
    ['rdb_last_bgsave_status', facts.lastSave],
    ['clock', `${(facts.clockSkewMs / 1000).toFixed(1)} s off`],
    ['scripts', 'run, over one slot'],
  ];
}

function megabytes(bytes: number): string {
  return (bytes / 1024 / 1024).toFixed(0);
}

function bound(bytes: number): string {
  return bytes === 0 ? 'unbounded' : `at most ${megabytes(bytes)} MB`;
}

function verdict(findings: readonly Finding[], { durability }: PreflightSettings): string {
  const refused = refusing(findings, durability).length;
  if (refused > 0) return `API and workers refuse to start (HOLDFAST_DURABILITY is ${durability}).`;
  const accepted = findings.filter(({ gravity }) => gravity === 'loss').length;
  if (accepted > 0) return 'API and workers start: HOLDFAST_DURABILITY=standard accepts the possible loss.';
  if (findings.length > 0) return 'API and workers start, but somebody should look at this.';
  return 'No problems found: accepted runs are safe.';
}
