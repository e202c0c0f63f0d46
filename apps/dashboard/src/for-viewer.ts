import type { Json, Run } from '@holdfast/engine';
import type { Operator } from './plugins/login.ts';

/** What may be known of a job's data: whose it is and where it failed. */
const KNOWN = new Set(['runId', 'tenant', 'flow', 'death', 'kind', 'code', 'step']);
const TEXTS = new Set(['message', 'stack']);

/**
 * A run as an operator may see it. Texts of errors may hold what customers or providers have said, so who only looks sees codes, and
 * neither input nor output.
 */
export function shownTo(operator: Operator, run: Run): Run {
  if (operator.role === 'admin') return run;
  const { input: _input, ...rest } = run;
  const shown = 'output' in rest ? { ...rest, output: null } : rest;
  // the same members, of the same types
  return { ...(withoutTexts(shown as unknown as Json) as unknown as Run), input: null };
}

function withoutTexts(value: Json): Json {
  if (Array.isArray(value)) return value.map(withoutTexts);
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [
      name,
      TEXTS.has(name) && typeof member === 'string'
        ? ''
        : name === 'details'
          ? requestIdOf(member)
          : withoutTexts(member),
    ]),
  );
}

function requestIdOf(details: Json): Json {
  return isObject(details) && details.requestId !== undefined ? { requestId: details.requestId } : {};
}

/** The same of what Bull Board's page asks for. */
export function boardAnswerForViewer(answer: Json): Json {
  if (Array.isArray(answer)) return answer.map(boardAnswerForViewer);
  if (!isObject(answer)) return answer;
  const code = codeIn(answer.data);
  return Object.fromEntries(
    Object.entries(answer).map(([name, member]) => [name, boardMember(name, member, code)]),
  );
}

function boardMember(name: string, member: Json, code: string): Json {
  switch (name) {
    case 'failedReason':
    case 'deferredFailure':
      return typeof member === 'string' && member !== '' ? code : member;
    case 'stacktrace':
      return [];
    case 'returnValue':
    case 'progress':
      return typeof member === 'number' ? member : null;
    case 'data':
      return knownIn(member);
    default:
      return boardAnswerForViewer(member);
  }
}

function codeIn(data: Json | undefined): string {
  return isObject(data) && typeof data.code === 'string' ? data.code : 'shown to admins only';
}

/** Figures of a metric are in a list. */
function knownIn(data: Json): Json {
  if (!isObject(data)) return data;
  return Object.fromEntries(Object.entries(data).filter(([name]) => KNOWN.has(name)));
}

function isObject(value: Json | undefined): value is { readonly [member: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
