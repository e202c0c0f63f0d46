import {
  InDoubtError,
  MisconfiguredError,
  RejectedError,
  ThrottledError,
  UnavailableError,
} from '../errors.ts';
import { awsFailure } from './aws.ts';
import { httpClientFailure } from './http-clients.ts';
import { networkFailure } from './network.ts';
import { postgresFailure } from './postgres.ts';
import { type HoldfastFailure, isError, type Recognize, text } from './shape.ts';
import { smtpFailure } from './smtp.ts';
import { stripeFailure } from './stripe.ts';

/** Tried first on whatever a step throws. @returns undefined to leave it to Holdfast's own table */
export type Classify = (error: unknown) => HoldfastFailure | undefined;

/** The families of libraries that are recognized by the shape of their errors, in the order in which they are tried. */
const FAMILIES: readonly Recognize[] = [
  stripeFailure,
  awsFailure,
  postgresFailure,
  smtpFailure,
  httpClientFailure,
  networkFailure,
];

/**
 * What an error that a step throws says of the effect: Holdfast's own classes as they are, other libraries' by their shape.
 * @returns undefined for an error of no known shape
 */
export function failureOf(thrown: unknown): HoldfastFailure | undefined {
  const own = ownFailure(thrown);
  if (own) return own;
  if (!isError(thrown)) return undefined;
  for (const recognize of FAMILIES) {
    const failure = recognize(thrown);
    if (failure) return failure;
  }
  return undefined;
}

const MISTAKES = new Set(['ReferenceError', 'SyntaxError', 'TypeError', 'RangeError', 'AssertionError']);

/** A mistake in the code of the step, which no further attempt would get past. Ask only of an error without a known shape. */
export function isMistake(thrown: unknown): boolean {
  if (!isError(thrown)) return false;
  const code = text(thrown, 'code') ?? '';
  return (
    MISTAKES.has(text(thrown, 'name') ?? '') ||
    code === 'ERR_ASSERTION' ||
    code.startsWith('ERR_INVALID_ARG_') ||
    [ReferenceError, SyntaxError, TypeError, RangeError].some((mistake) => thrown instanceof mistake)
  );
}

function ownFailure(thrown: unknown): HoldfastFailure | undefined {
  try {
    return thrown instanceof RejectedError ||
      thrown instanceof MisconfiguredError ||
      thrown instanceof UnavailableError ||
      thrown instanceof ThrottledError ||
      thrown instanceof InDoubtError
      ? thrown
      : undefined;
  } catch {
    // something that does not want to be looked at
    return undefined;
  }
}
