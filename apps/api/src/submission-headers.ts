import type { IncomingMessage } from 'node:http';
import type { Tags } from '@holdfast/engine';
import { readTraceparent } from '@holdfast/http';
import { ProblemError } from './problems.ts';
import { moment } from './read-query.ts';

/** What a submission says beside its input. */
export interface Submission {
  readonly startAt?: number;
  readonly tags?: Tags;
  /** 0 to 9, the most urgent. */
  readonly priority?: number;
  /** A W3C `traceparent`. */
  readonly trace?: string;
}

/**
 * Reads `Holdfast-Start-At` (a time), `Holdfast-Priority` (0 to 9), `Holdfast-Tags` (`customer=cus_1, region=eu`) and `traceparent`: one that cannot be read counts as
 * none, as W3C Trace Context has it.
 * @throws ProblemError `header_invalid`
 */
export function readSubmissionHeaders({
  headersDistinct,
}: Pick<IncomingMessage, 'headersDistinct'>): Submission {
  const startAt = once(headersDistinct, 'Holdfast-Start-At');
  const priority = once(headersDistinct, 'Holdfast-Priority');
  const tags = headersDistinct['holdfast-tags'];
  return {
    ...(startAt !== undefined && { startAt: timeIn(startAt) }),
    ...(priority !== undefined && { priority: priorityIn(priority) }),
    ...(tags && { tags: tagsIn(tags.join(',')) }),
    ...traceIn(headersDistinct),
  };
}

function traceIn({ traceparent = [] }: IncomingMessage['headersDistinct']): Pick<Submission, 'trace'> {
  const [trace, ...more] = traceparent;
  return trace !== undefined && more.length === 0 && readTraceparent(trace) ? { trace } : {};
}

function once(headers: IncomingMessage['headersDistinct'], name: string): string | undefined {
  const [value, ...more] = headers[name.toLowerCase()] ?? [];
  if (more.length > 0) throw invalid(name, 'it was sent more than once');
  return value;
}

function timeIn(text: string): number {
  const read = moment.safeParse(text);
  if (read.success) return read.data;
  throw invalid(
    'Holdfast-Start-At',
    `expected a time such as 2026-03-02T03:12:00Z, got ${JSON.stringify(text.slice(0, 50))}`,
  );
}

function priorityIn(text: string): number {
  if (/^[0-9]$/.test(text.trim())) return Number(text);
  throw invalid(
    'Holdfast-Priority',
    `expected a whole number from 0 to 9, got ${JSON.stringify(text.slice(0, 50))}`,
  );
}

function tagsIn(text: string): Tags {
  const tags = new Map<string, string>();
  for (const member of text.split(',')) {
    if (member.trim() === '') continue;
    const [, name, value] = /^\s*([^=\s]+)=(.*?)\s*$/.exec(member) ?? [];
    if (name === undefined || value === undefined)
      throw invalid(
        'Holdfast-Tags',
        `expected name=value, name=value, …, got ${JSON.stringify(member.trim().slice(0, 50))}`,
      );
    if (tags.has(name))
      throw invalid('Holdfast-Tags', `the tag ${JSON.stringify(name.slice(0, 50))} is there twice`);
    tags.set(name, value);
  }
  return Object.fromEntries(tags);
}

function invalid(header: string, why: string): ProblemError {
  return new ProblemError('header_invalid', `The header ${header} is not valid: ${why}.`);
}
