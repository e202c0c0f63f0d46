import { OperatorError } from '@holdfast/app-kit';
import { z } from 'zod';
import { askFor } from './api.ts';
import type { Commands } from './cli.ts';
import type { Io } from './io.ts';
import { table, widthOf } from './table.ts';
import { when } from './times.ts';
import { UsageError } from './usage.ts';

/** A value as the API shows it. */
const StateJson = z.looseObject({
  name: z.string(),
  value: z.unknown(),
  encrypted: z.literal(true).optional(),
  updatedAt: z.string(),
});
type StateJson = z.infer<typeof StateJson>;
const ListJson = z.object({ data: z.array(StateJson), nextCursor: z.string().optional() });

interface ListFlags {
  readonly prefix?: string;
  readonly json?: true;
}

interface SetFlags {
  readonly ifMatch?: string;
  readonly create?: true;
  readonly json?: true;
}

export function addStateCommands({ program, io }: Commands): void {
  const state = program.command('state').description('durable values that flows read and change');

  state
    .command('list')
    .description('the values, in the order of their names')
    .option('--prefix <text>', 'only those whose names begin with this')
    .option('--json', 'print JSON')
    .action(async ({ prefix, json }: ListFlags) => {
      const data = await all(io, prefix);
      if (json) return printJson(io, { data });
      io.out(data.length === 0 ? 'No values.\n' : describe(io, data));
    });

  state
    .command('get <name>')
    .description('prints a value as JSON')
    .option('--json', 'print all of it, with its ETag')
    .action(async (name: string, { json }: { json?: true }) => {
      let etag: string | null = null;
      const entry = await askFor(StateJson, io, 'GET', pathOf(name), undefined, (headers) => {
        etag = headers.get('etag');
      });
      if (json) return printJson(io, { ...entry, etag });
      if (entry.encrypted)
        throw new OperatorError(`The value of "${name}" is kept encrypted; only flows can read it.`);
      printJson(io, entry.value);
    });

  state
    .command('set <name> <json>')
    .description('creates or changes a value; is audited')
    .option('--if-match <etag>', 'only if it still has this ETag')
    .option('--create', 'only if it is not there')
    .option('--json', 'print JSON')
    .action(async (name: string, text: string, { ifMatch, create, json }: SetFlags) => {
      const headers = {
        ...(ifMatch !== undefined && { 'if-match': ifMatch }),
        ...(create && { 'if-none-match': '*' }),
      };
      const body = { value: parsed(text) };
      const entry = await askFor(StateJson, io, 'PUT', pathOf(name), body, () => {}, headers);
      if (json) printJson(io, entry);
      else io.out(`${name} is set.\n`);
    });

  state
    .command('delete <name>')
    .description('deletes a value; is audited')
    .option('--if-match <etag>', 'only if it still has this ETag')
    .option('--json', 'print JSON')
    .action(async (name: string, { ifMatch, json }: { ifMatch?: string; json?: true }) => {
      const headers: Record<string, string> = ifMatch === undefined ? {} : { 'if-match': ifMatch };
      // there is no body
      await askFor(z.undefined(), io, 'DELETE', pathOf(name), undefined, () => {}, headers);
      if (json) printJson(io, { name, deleted: true });
      else io.out(`${name} is deleted.\n`);
    });
}

async function all(io: Io, prefix: string | undefined): Promise<StateJson[]> {
  const found: StateJson[] = [];
  let cursor: string | undefined;
  do {
    const query = new URLSearchParams({
      limit: '100',
      ...(prefix !== undefined && { prefix }),
      ...(cursor !== undefined && { cursor }),
    });
    const { data, nextCursor } = await askFor(ListJson, io, 'GET', `/v1/state?${query}`);
    found.push(...data);
    cursor = nextCursor;
  } while (cursor !== undefined);
  return found;
}

function pathOf(name: string): string {
  return `/v1/state/${encodeURIComponent(name)}`;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new UsageError(`${text} is not JSON; put text in double quotes, as in '"text"'.`);
  }
}

function describe(io: Io, entries: readonly StateJson[]): string {
  const rows = entries.map(({ name, value, encrypted, updatedAt }) => [
    ...[name, when(io, updatedAt), encrypted ? '(encrypted)' : JSON.stringify(value)],
  ]);
  return `${table([['name', 'changed', 'value'], ...rows], [], widthOf(io))}\n`;
}

function printJson(io: Io, value: unknown): void {
  io.out(`${JSON.stringify(value, null, 2)}\n`);
}
