import { RejectedError, StepError } from '../contract/errors.ts';
import type { ErrorRecord, Json } from '../contract/run.ts';

const MAX_MESSAGE = 2_000;
const MAX_STACK = 4_000;
const MAX_DEPTH = 5;

/** Turns whatever was thrown into what the journal keeps: code, message, stack and causes, each bounded. */
export function toErrorRecord(thrown: unknown, depth = 1): ErrorRecord {
  if (!(thrown instanceof Error)) {
    return {
      code: 'not_an_error',
      message: bounded(`a value that is no Error was thrown: ${show(thrown)}`, MAX_MESSAGE),
    };
  }
  const details = thrown instanceof StepError ? jsonOrUndefined(thrown.details) : undefined;
  return {
    code: codeOf(thrown),
    message: bounded(thrown.message, MAX_MESSAGE),
    ...(thrown instanceof StepError && { kind: thrown.kind }),
    ...(details !== undefined && { details }),
    ...(thrown.stack && { stack: bounded(thrown.stack, MAX_STACK) }),
    ...(thrown.cause !== undefined && depth < MAX_DEPTH && { cause: toErrorRecord(thrown.cause, depth + 1) }),
  };
}

/** The error a recorded rejection is thrown as, first and on every replay. */
export function toRejectedError(record: ErrorRecord): RejectedError {
  const { details } = record;
  const error = new RejectedError({
    code: record.code,
    message: record.message,
    ...(details !== null &&
      typeof details === 'object' &&
      !Array.isArray(details) && { details: details as Record<string, Json> }),
    ...(record.cause && { cause: toCause(record.cause) }),
  });
  if (record.stack) error.stack = record.stack;
  return error;
}

function toCause(record: ErrorRecord): Error {
  const cause = new Error(record.message, record.cause && { cause: toCause(record.cause) });
  if (record.stack) cause.stack = record.stack;
  return Object.assign(cause, { code: record.code });
}

function codeOf(error: Error): string {
  if ('code' in error && typeof error.code === 'string' && error.code !== '') return error.code;
  return error.name === 'Error' ? 'error' : snakeCase(error.name);
}

function snakeCase(name: string): string {
  return name.replace(/([a-z0-9])([A-Z])/g, '$1_$2').toLowerCase();
}

function bounded(text: string, max: number): string {
  return text.length <= max ? text : `${text.slice(0, max)}… (${text.length - max} more characters)`;
}

function show(value: unknown): string {
  try {
    return typeof value === 'string' ? value : (JSON.stringify(value) ?? String(value));
  } catch {
    return String(value);
  }
}

function jsonOrUndefined(value: unknown): Json | undefined {
  try {
    const json = JSON.stringify(value);
    return json === undefined ? undefined : (JSON.parse(json) as Json);
  } catch {
    return undefined;
  }
}
