import { redactShapes } from '@holdfast/engine';
import { requestIdOf } from './classify.ts';
import type { Outcome } from './outcome.ts';
import { redactText } from './redact.ts';
import type { HttpRequest } from './request.ts';
import { NOT_STARTED } from './shared/guard.ts';

/** A request as it was seen on the wire, for people who want to know what was asked of a provider: no body, no query, no credential. */
export interface RequestSeen {
  /** As in `POST /v1/payment_intents`. */
  readonly what: string;
  /** False when not a byte of it left. */
  readonly sent: boolean;
  readonly outcome: Outcome<unknown>['kind'];
  /** Absent for `ok`. */
  readonly code?: string;
  /** Where the provider answered. */
  readonly status?: number;
  /** The provider's own. */
  readonly requestId?: string;
  readonly durationMs: number;
}

const MAX_CHARS = 300;

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

/** Tells what a request is made for what came of it; one that was not begun is tried again, and told then. */
export function noteRequest(
  { method, path, origin }: HttpRequest<unknown>,
  outcome: Outcome<unknown>,
  durationMs: number,
  secrets: readonly string[],
): void {
  if (!origin?.seen || ('code' in outcome && outcome.code === NOT_STARTED)) return;
  const { kind } = outcome;
  const told = kind === 'ok' ? factsOfOk(outcome) : { code: outcome.code, ...factsIn(outcome.details) };
  const sent = !('unsent' in outcome && outcome.unsent === true);
  // some providers want their key in the path, and a path is made of inputs
  const what = redactShapes(redactText(`${method} ${decoded(path)}`, secrets)).slice(0, MAX_CHARS);
  origin.seen({ what, sent, outcome: kind, ...told, durationMs });
}

function factsOfOk({ status, headers }: Extract<Outcome<unknown>, { kind: 'ok' }>) {
  const requestId = requestIdOf(headers);
  return { status, ...(requestId !== undefined && { requestId }) };
}

function factsIn({ status, requestId }: Readonly<Record<string, unknown>>) {
  return {
    ...(typeof status === 'number' && { status }),
    ...(typeof requestId === 'string' && { requestId }),
  };
}
