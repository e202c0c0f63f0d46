import { types } from 'node:util';
import { RejectedError, StepError } from '../contract/errors.ts';
import { redactShapes } from '../contract/redact-shapes.ts';
import type { ErrorRecord, Json } from '../contract/run.ts';

const MAX_CODE = 100;
const MAX_MESSAGE = 2_000;
const MAX_STACK = 4_000;
const MAX_DEPTH = 5;
/** What somebody throws may be of any length; so much of it is looked through. */
const MOST_READ = 20_000;

const MAX_ERRORS = 10;

/**
 * Turns whatever was thrown into what the journal keeps: code, message, stack, causes and what an AggregateError holds, each
 * bounded, and without what looks like a mail address, a card number or a credential: whoever may see that a run failed may read them.
 * Takes anything at all, also what throws when it is looked at.
 */
export function toErrorRecord(thrown: unknown, depth = 1): ErrorRecord {
  const error = errorOf(thrown);
  if (!error) {
    const message = bounded(`a value that is no Error was thrown: ${show(thrown)}`, MAX_MESSAGE);
    return { code: 'not_an_error', message };
  }
  const own = error instanceof StepError ? error : undefined;
  const details = own && jsonOrUndefined(read(own, 'details'));
  const stack = read(error, 'stack');
  const cause = depth < MAX_DEPTH ? read(error, 'cause') : undefined;
  const errors = depth < MAX_DEPTH ? listIn(error) : [];
  return {
    code: codeOf(error),
    message: bounded(textOf(read(error, 'message')), MAX_MESSAGE),
    ...(own && { kind: own.kind }),
    ...(details !== undefined && { details }),
    ...(typeof stack === 'string' && stack !== '' && { stack: bounded(stack, MAX_STACK) }),
    ...(cause !== undefined && { cause: toErrorRecord(cause, depth + 1) }),
    ...(errors.length > 0 && { errors: errors.map((each) => toErrorRecord(each, depth + 1)) }),
  };
}

/** The rejection that ends a flow which threw this: its own, or the first of those of which none went through (`Promise.any`). */
export function rejectionIn(thrown: unknown): RejectedError | undefined {
  if (thrown instanceof RejectedError) return thrown;
  if (!(thrown instanceof AggregateError)) return undefined;
  const errors = listIn(thrown);
  const rejections = errors.filter((each) => each instanceof RejectedError);
  return rejections.length === errors.length ? rejections[0] : undefined;
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

/** An Error, of whichever realm. */
function errorOf(thrown: unknown): object | undefined {
  if (typeof thrown !== 'object' || thrown === null) return undefined;
  try {
    return thrown instanceof Error || types.isNativeError(thrown) ? thrown : undefined;
  } catch {
    return undefined;
  }
}

/** A member of something that may throw when it is looked at. */
function read(from: object, name: string): unknown {
  try {
    return (from as Record<string, unknown>)[name];
  } catch {
    return undefined;
  }
}

function listIn(error: object): unknown[] {
  const errors = read(error, 'errors');
  return Array.isArray(errors) ? errors.slice(0, MAX_ERRORS) : [];
}

function textOf(message: unknown): string {
  return typeof message === 'string' ? message : show(message);
}

function codeOf(error: object): string {
  const code = read(error, 'code');
  if (typeof code === 'string' && code !== '') return code.slice(0, MAX_CODE);
  const name = read(error, 'name');
  return typeof name !== 'string' || name === '' || name === 'Error'
    ? 'error'
    : snakeCase(name).slice(0, MAX_CODE);
}

function snakeCase(name: string): string {
  return name.replace(/([a-z0-9])([A-Z])/g, '$1_$2').toLowerCase();
}

/** Masked before it is cut, so that no half of a secret is left at the end. */
function bounded(text: string, max: number): string {
  const clean = redactShapes(text.slice(0, MOST_READ));
  const left = clean.length + Math.max(0, text.length - MOST_READ) - max;
  return left <= 0 ? clean : `${clean.slice(0, max)}… (${left} more characters)`;
}

function show(value: unknown): string {
  if (typeof value === 'string') return value;
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    // a circle, a BigInt, or something that does not want to be looked at
  }
  try {
    return String(value);
  } catch {
    return `a ${typeof value}`;
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
