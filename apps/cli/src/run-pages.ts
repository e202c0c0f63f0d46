import { type Command, InvalidArgumentError } from 'commander';
import { z } from 'zod';
import { askFor, RunJson } from './api.ts';
import type { Io } from './io.ts';

const PageJson = z.object({
  data: z.array(RunJson),
  unreadable: z.array(z.string()).optional(),
  nextCursor: z.string().optional(),
});
export type RunPage = z.infer<typeof PageJson> & {
  /** Whose runs they are; not part of the JSON. */
  readonly tenant?: string | undefined;
};

export interface PageFlags {
  readonly limit: number;
  readonly cursor?: string;
  readonly all?: true;
  readonly json?: true;
}

const MOST_ON_A_PAGE = 100;

/** The options of a list. */
export function addPageOptions(command: Command): Command {
  return command
    .option('--limit <n>', 'at most this many', wholeNumber, 20)
    .option('--cursor <cursor>', 'continue after the previous page')
    .option('--all', 'every page')
    .option('--json', 'print JSON');
}

/** @throws InvalidArgumentError, which the program explains */
export function wholeNumber(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('Expected a whole number of at least 1.');
}

/**
 * Asks for as many pages as it takes: one that looked through many runs may hold few that fit.
 * @param query those that are undefined are left out
 */
export async function readPages(
  io: Io,
  path: string,
  query: Readonly<Record<string, string | undefined>>,
  { limit, cursor, all }: PageFlags,
): Promise<RunPage> {
  const wanted = all ? Number.POSITIVE_INFINITY : limit;
  const data: RunJson[] = [];
  const unreadable: string[] = [];
  let next = cursor;
  let tenant: string | undefined;
  do {
    const onPage = String(Math.min(MOST_ON_A_PAGE, wanted - data.length));
    const asked = new URLSearchParams();
    for (const [name, value] of Object.entries({ ...query, cursor: next, limit: onPage })) {
      if (value !== undefined) asked.set(name, value);
    }
    const page = await askFor(PageJson, io, 'GET', `${path}?${asked}`, undefined, (headers) => {
      tenant = headers.get('holdfast-tenant') ?? undefined;
    });
    data.push(...page.data);
    unreadable.push(...(page.unreadable ?? []));
    next = page.nextCursor;
  } while (next !== undefined && data.length < wanted);
  return {
    data,
    ...(unreadable.length > 0 && { unreadable }),
    ...(next !== undefined && { nextCursor: next }),
    ...(tenant !== undefined && { tenant }),
  };
}
