import { duration } from '@holdfast/app-kit';
import { RUN_STATUSES } from '@holdfast/engine';
import { shortId } from '@holdfast/run-view';
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { RunJson } from './api.ts';
import { type Io, statusWord } from './io.ts';
import { addPageOptions, type PageFlags, type RunPage, readPages } from './run-pages.ts';
import { table, widthOf } from './table.ts';
import { when } from './times.ts';

interface ListFlags extends PageFlags {
  readonly flow?: string;
  readonly status?: string;
  readonly code?: string;
  readonly key?: string;
  readonly keyPrefix?: string;
  readonly tag?: string;
  readonly since?: string;
  readonly until?: string;
}

/** `runs list`. */
export function addListCommand(runs: Command, io: Io): void {
  const list = runs
    .command('list')
    .description('lists runs, newest first')
    .option('--flow <name>', 'only this flow')
    .addOption(new Option('--status <status>', 'only runs with this status').choices(RUN_STATUSES))
    .option('--code <code>', 'only runs with this error code')
    .option('--key <key>', 'only runs with this Idempotency-Key')
    .option('--key-prefix <text>', 'only with an Idempotency-Key that begins so')
    .option('--tag <name:value>', 'only runs with this tag, such as customer:cus_1')
    .option('--since <when>', 'a time, as in 2026-03-02T03:12:00Z, or an age, as in 2h', asTime)
    .option('--until <when>', 'the same', asTime);
  addPageOptions(list).action(async ({ limit, cursor, all, json, ...filter }: ListFlags) => {
    const flags = { limit, ...(cursor !== undefined && { cursor }), ...(all && { all }) };
    printPage(io, await readPages(io, '/v1/runs', { ...filter }, flags), json, {
      none: (of) => `No runs${of} fit.`,
      describe: (page) =>
        rowsOf(io, ['run', 'flow', 'status', 'since', 'why'], page, (run) => [
          ...[
            shownId(io, run.id),
            run.flow,
            statusWord(io, run.status),
            when(io, run.updatedAt),
            remark(io, run),
          ],
        ]),
    });
  });
}

/** @param how for people */
export function printPage(
  io: Io,
  { tenant, ...page }: RunPage,
  json: true | undefined,
  how: { readonly none: (of: string) => string; readonly describe: (runs: readonly RunJson[]) => string },
): void {
  if (json) {
    io.out(`${JSON.stringify(page, null, 2)}\n`);
    return;
  }
  const of = tenant === undefined ? '' : ` of tenant \`${tenant}\``;
  io.out(`${page.data.length === 0 ? how.none(of) : how.describe(page.data)}\n`);
  if (page.unreadable)
    io.out(
      `\nNot shown, because their records were changed by something else: ${page.unreadable.join(', ')}\n`,
    );
  if (page.nextCursor !== undefined) io.out(`\nThere are more: --all, or --cursor ${page.nextCursor}\n`);
}

/** A whole id on a pipe; on a terminal what is enough of it. */
export function shownId(io: Io, id: string): string {
  return io.outIsTerminal ? shortId(id) : id;
}

export function rowsOf(
  io: Io,
  head: readonly string[],
  runs: readonly RunJson[],
  row: (run: RunJson) => string[],
): string {
  return table([head, ...runs.map(row)], [], widthOf(io));
}

/** Why it is where it is, in a few words. */
export function remark(io: Io, { error, waitingFor, cancelRequested }: RunJson): string {
  if (cancelRequested) return 'cancel requested';
  if (error) return `${error.step ? `${error.step}: ` : ''}${error.message} (${error.code})`;
  if (waitingFor)
    return `waits for ${waitingFor.kind}${waitingFor.until ? ` until ${when(io, waitingFor.until)}` : ''}`;
  return '';
}

/** An age becomes the time that long ago. */
function asTime(text: string): string {
  const age = duration.safeParse(text);
  const at = age.success
    ? Date.now() - age.data
    : /^\d{4}-\d\d-\d\d/.test(text)
      ? Date.parse(text)
      : Number.NaN;
  if (Number.isFinite(at)) return new Date(at).toISOString();
  throw new InvalidArgumentError('Expected a time such as 2026-03-02T03:12:00Z, or an age such as 2h.');
}
