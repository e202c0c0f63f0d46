import { z } from 'zod';
import { askFor, askInLines } from './api.ts';
import { sure } from './confirm.ts';
import { count, type Io } from './io.ts';
import { startProgress } from './progress.ts';

export interface BulkFlags {
  readonly flow?: string;
  readonly code?: string;
  readonly limit?: number;
  readonly rate?: number;
  readonly dryRun?: true;
  readonly yes?: true;
  readonly json?: true;
}

const PATH = '/v1/dead-letters/redrive';
/** As many as the API takes at once. */
const MOST = 10_000;

const Line = z.object({ matched: z.number(), redriven: z.number(), skipped: z.number() });
const Result = Line.extend({ more: z.boolean() });
type Result = z.infer<typeof Result>;

/**
 * Redrives the dead runs that fit, and says how far it is. Ended from outside, it stops: what was redriven stays so.
 * @returns whether it came as far as it was told to
 */
export async function redriveMany(
  io: Io,
  { rate, dryRun, yes, json, ...filter }: BulkFlags,
): Promise<boolean> {
  const { flow, code, limit = MOST } = filter;
  const which = { ...(flow !== undefined && { flow }), ...(code !== undefined && { code }), limit };
  const found = await askFor(Result, io, 'POST', PATH, { ...which, dryRun: true });
  if (dryRun || found.matched === 0) {
    io.out(json ? `${JSON.stringify(found, null, 2)}\n` : describeFound(found));
    return true;
  }
  const much = found.more && found.matched < limit ? `More than ${runs(found.matched)}` : runs(found.matched);
  const of = flow === undefined && code === undefined ? ', of every flow and reason,' : '';
  const what = `${much}${of} will be redriven: each retries the step that failed.`;
  if (!(await sure(io, what, yes))) {
    io.out('Nothing was done.\n');
    return true;
  }
  const from = performance.now();
  const progress = startProgress(io, found.matched, 'redriven');
  try {
    const body = { ...which, ...(rate !== undefined && { ratePerSecond: rate }) };
    const result = await askInLines(io, PATH, body, {
      ...{ line: Line, last: Result },
      onLine: ({ matched }) => progress.reach(Math.min(matched, found.matched)),
    });
    progress.stop();
    io.out(json ? `${JSON.stringify(result, null, 2)}\n` : describe(result, performance.now() - from));
    return !result.more || result.matched >= limit;
  } finally {
    progress.stop();
  }
}

function describeFound({ matched, more }: Result): string {
  if (matched === 0) return 'No dead letters match.\n';
  return `${runs(matched)} would be redriven${more ? '; more are beyond the limit' : ''}. Nothing was done.\n`;
}

function describe({ redriven, skipped, more }: Result, ms: number): string {
  const seconds = Math.max(0.1, ms / 1_000);
  const lines = [
    `${runs(redriven)} redriven in ${seconds.toFixed(1)} s (${count(Math.round(redriven / seconds))}/s).`,
  ];
  if (skipped > 0) lines.push(`${runs(skipped)} skipped: no longer dead.`);
  lines.push(
    more
      ? 'More are left: run the command again.'
      : '`holdfast dead-letters list` shows the runs that died again.',
  );
  return `${lines.join('\n')}\n`;
}

function runs(n: number): string {
  return `${count(n)} ${n === 1 ? 'run' : 'runs'}`;
}
