import { OperatorError } from '@holdfast/app-kit';
import { z } from 'zod';
import { askFor } from './api.ts';
import type { Io } from './io.ts';
import { UsageError } from './usage.ts';

const Page = z.object({
  data: z.array(z.looseObject({ id: z.string() })),
  nextCursor: z.string().optional(),
});

/** How many runs are looked through for one that begins so. */
const LOOKED_THROUGH = 2_000;
const PAGE = 100;

/**
 * The run that is meant by its id, by how that begins (`run_da22`), or as pages show it (`run_da22…1f3c`).
 * @throws UsageError when several begin so; OperatorError when none of the newest does
 */
export async function fullRunId(io: Io, text: string): Promise<string> {
  const [, head, tail = ''] = /^(run_[0-9a-f]{4,31})(?:…([0-9a-f]*))?$/.exec(text) ?? [];
  if (head === undefined) return text;
  const fits = (id: string) => id.startsWith(head) && id.endsWith(tail);
  const found = new Set<string>();
  for (const path of ['/v1/dead-letters', '/v1/runs']) {
    let cursor: string | undefined;
    for (let looked = 0; looked < LOOKED_THROUGH; looked += PAGE) {
      const query = new URLSearchParams({ limit: String(PAGE), ...(cursor !== undefined && { cursor }) });
      const page = await askFor(Page, io, 'GET', `${path}?${query}`);
      for (const { id } of page.data) if (fits(id)) found.add(id);
      cursor = page.nextCursor;
      if (cursor === undefined) break;
    }
  }
  const [only, ...others] = found;
  if (only === undefined) {
    throw new OperatorError(
      `None of the newest ${LOOKED_THROUGH.toLocaleString('en-US')} runs starts with ${text}.\nGive the whole id, or find it with \`holdfast runs list\`.`,
    );
  }
  if (others.length === 0) return only;
  throw new UsageError(
    `Several runs start with ${text}: ${[...found].slice(0, 5).join(', ')}. Give more of the id.`,
  );
}
