import { z } from 'zod';
import { askFor } from './api.ts';
import type { Commands } from './cli.ts';
import type { Io } from './io.ts';
import { fullRunId } from './run-id.ts';
import { wholeNumber } from './run-pages.ts';
import { table, widthOf } from './table.ts';
import { when } from './times.ts';

const EntryJson = z.looseObject({
  at: z.string(),
  actor: z.string(),
  via: z.string(),
  action: z.string(),
  runId: z.string().optional(),
  outcome: z.string().optional(),
  before: z.string().optional(),
  after: z.string().optional(),
});
const ListJson = z.looseObject({ data: z.array(EntryJson), nextCursor: z.string().optional() });
type ListJson = z.infer<typeof ListJson>;

interface Flags {
  readonly run?: string;
  readonly limit: number;
  readonly cursor?: string;
  readonly json?: true;
}

/** `audit`: who did what to the runs and keys of the key's tenant. */
export function addAuditCommand({ program, io }: Commands): void {
  program
    .command('audit')
    .description('lists what people did to runs and keys, latest first')
    .option('--run <run-id>', 'only actions on this run')
    .option('--limit <n>', 'at most this many entries, up to 200', wholeNumber, 50)
    .option('--cursor <cursor>', 'continue after the previous page')
    .option('--json', 'print JSON')
    .action(async ({ run, limit, cursor, json }: Flags) => {
      const query = new URLSearchParams({ limit: String(limit) });
      if (run !== undefined) query.set('run', await fullRunId(io, run));
      if (cursor !== undefined) query.set('cursor', cursor);
      const list = await askFor(ListJson, io, 'GET', `/v1/audit?${query}`);
      io.out(json ? `${JSON.stringify(list, null, 2)}\n` : describe(io, list));
    });
}

function describe(io: Io, { data, nextCursor }: ListJson): string {
  if (data.length === 0) return 'No actions recorded yet.\n';
  const rows = data.map(({ at, actor, via, action, runId, outcome, before, after }) => [
    ...[when(io, at), `${actor} (${via})`, action, runId ?? '', outcome ?? 'not known'],
    after && after !== before ? `${before} → ${after}` : (before ?? ''),
  ]);
  const head = ['when', 'who', 'did', 'to', 'outcome', 'status'];
  const more = nextCursor === undefined ? '' : `\nThere are more: --cursor ${nextCursor}\n`;
  return `${table([head, ...rows], [], widthOf(io))}\n${more}`;
}
