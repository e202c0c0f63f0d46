import type { Auth } from './auth.ts';
import type { Misconfigured, Throttled, Unavailable } from './outcome.ts';
import { redactJson, redactText } from './redact.ts';
import type { Layer } from './request.ts';
import type { Token, TokenEndpoint, TokenReply } from './token-endpoint.ts';

/** A token is renewed in the background during the last fifth of its life, a minute at most. */
const EARLY_RATIO = 0.2;
const EARLY_MAX_MS = 60_000;

/**
 * Sends requests with a token of the endpoint's. One renewal at a time for all requests; one that fails is not kept. A 401 means that
 * nothing happened: the token is renewed and the request sent once again. Without a token nothing is sent, whatever kept us from it.
 * @param now a clock that only goes forward, in milliseconds
 */
export function tokenAuth(endpoint: TokenEndpoint, now: () => number): Auth {
  let current: HeldToken | undefined;
  /** Answers to requests with the token before may still come in. */
  let previous: HeldToken | undefined;
  let renewal: Promise<TokenReply> | undefined;

  const renew = (): Promise<TokenReply> => {
    renewal ??= obtain().finally(() => {
      renewal = undefined;
    });
    return renewal;
  };
  const obtain = async (): Promise<TokenReply> => {
    const startedAt = now();
    const reply = await endpoint.requestToken(current?.value);
    if (reply.outcome === 'obtained') {
      previous = current;
      current = hold(reply.token, startedAt);
    }
    return reply;
  };

  /** @param refused a token that the provider has just turned down */
  const tokenFor = async (signal: AbortSignal, refused?: string): Promise<TokenReply> => {
    if (current && current.value !== refused && now() < current.expiresAtMs) {
      // Its failure is not lost: once the token has expired, the renewal is waited for.
      if (now() >= current.renewAtMs) void renew();
      return { outcome: 'obtained', token: current };
    }
    return unlessAborted(renew(), signal);
  };

  const secrets = () =>
    [...endpoint.secrets(), current?.value, previous?.value].filter((secret) => secret !== undefined);

  const layer: Layer = (next) => async (request) => {
    const send = (token: Token) =>
      next({ ...request, headers: { ...request.headers, authorization: `Bearer ${token.value}` } });
    const first = await tokenFor(request.signal);
    if (first.outcome === 'failed') return clean(first.trouble, secrets());
    const outcome = await send(first.token);
    if (outcome.kind !== 'misconfigured' || outcome.status !== 401) return outcome;
    const second = await tokenFor(request.signal, first.token.value);
    return second.outcome === 'failed' ? clean(second.trouble, secrets()) : send(second.token);
  };

  return { layer, secrets, close: () => endpoint.close() };
}

interface HeldToken extends Token {
  readonly renewAtMs: number;
  readonly expiresAtMs: number;
}

/** A token without a stated life is used until it is refused. */
function hold(token: Token, obtainedAtMs: number): HeldToken {
  const lifeMs = token.lifeMs ?? Number.POSITIVE_INFINITY;
  const earlyMs = Math.min(EARLY_MAX_MS, lifeMs * EARLY_RATIO);
  return { ...token, renewAtMs: obtainedAtMs + lifeMs - earlyMs, expiresAtMs: obtainedAtMs + lifeMs };
}

/** A renewal serves all requests that wait for it, so one that is aborted leaves it alone. */
function unlessAborted(reply: Promise<TokenReply>, signal: AbortSignal): Promise<TokenReply> {
  return new Promise((resolve, reject) => {
    const onAbort = () =>
      resolve({
        outcome: 'failed',
        trouble: {
          kind: 'unavailable',
          code: 'aborted',
          message: 'nothing was sent: aborted while waiting for a token',
          details: {},
          unsent: true,
        },
      });
    if (signal.aborted) return onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    reply.finally(() => signal.removeEventListener('abort', onAbort)).then(resolve, reject);
  });
}

function clean<T extends Misconfigured | Unavailable | Throttled>(trouble: T, secrets: readonly string[]): T {
  return {
    ...trouble,
    message: redactText(trouble.message, secrets).slice(0, 500),
    details: redactJson(trouble.details, secrets) as T['details'],
  };
}
