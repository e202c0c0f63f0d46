import { types } from 'node:util';
import type {
  InDoubtError,
  MisconfiguredError,
  RejectedError,
  StepFault,
  ThrottledError,
  UnavailableError,
} from '../errors.ts';

/** What an attempt can come to, other than a result. */
export type HoldfastFailure =
  | RejectedError
  | MisconfiguredError
  | UnavailableError
  | ThrottledError
  | InDoubtError;

/** Recognizes the errors of one family of libraries. @returns undefined for an error of another family */
export type Recognize = (error: object) => HoldfastFailure | undefined;

const MAX_DEPTH = 5;
const MAX_MESSAGE = 500;

/** A member of an error that another library made. Never throws, whatever the getter does. */
export function member(of: unknown, name: string): unknown {
  if (typeof of !== 'object' || of === null) return undefined;
  try {
    return (of as Record<string, unknown>)[name];
  } catch {
    return undefined;
  }
}

/** @returns undefined for what is no text, and for the empty text */
export function text(of: unknown, name: string): string | undefined {
  const value = member(of, name);
  return typeof value === 'string' && value !== '' ? value : undefined;
}

export function number(of: unknown, name: string): number | undefined {
  const value = member(of, name);
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}

/** An error of this or another realm. */
export function isError(thrown: unknown): thrown is object {
  try {
    return thrown instanceof Error || types.isNativeError(thrown);
  } catch {
    return false;
  }
}

/** The error and its causes, outermost first. */
export function causesOf(error: unknown): object[] {
  const found: object[] = [];
  let at: unknown = error;
  while (typeof at === 'object' && at !== null && found.length < MAX_DEPTH && !found.includes(at)) {
    found.push(at);
    at = member(at, 'cause');
  }
  return found;
}

/** The fault of a failure that stands for another library's error, which stays its cause. */
export function faultOf(
  error: object,
  code: string,
  what: string,
  details?: StepFault['details'],
): StepFault {
  const said = text(error, 'message');
  const message = said === undefined ? what : `${what}: ${said.slice(0, MAX_MESSAGE)}`;
  return { code, message, cause: error, ...(details && { details }) };
}
