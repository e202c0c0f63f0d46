import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Unavailable } from './outcome.ts';
import type { KeptToken, KeptTokens } from './shared/kept-tokens.ts';
import type { TokenEndpoint, TokenReply } from './token-endpoint.ts';

const ASK_AGAIN_MS = 100;
/** A token that ends sooner is not worth taking over from others. */
const WORTH_MS = 1_000;
/** A rotated refresh token that is not kept is lost, so this is tried for a while. */
const WRITE_TRIES = 20;

/**
 * One token for all processes: whoever needs a new one asks for it, one at a time over all of them, and the others take it over. A refresh
 * token that comes with it is kept before the token is used, so that it survives a restart; one that was used is never sent again.
 * @param longestMs the longest that one request for a token takes; a process that died with the lock holds up the others for twice that
 */
export function sharedToken(
  endpoint: TokenEndpoint,
  kept: KeptTokens,
  { scope, longestMs }: { readonly scope: string; readonly longestMs: number },
): TokenEndpoint {
  const seen = new Set<string>();
  const remember = (token: KeptToken | undefined) => {
    if (token?.refreshToken !== undefined) seen.add(token.refreshToken);
    return token;
  };

  const renew = async (not: string | undefined, lock: number): Promise<TokenReply> => {
    const before = remember(await kept.read(scope));
    // another process may have been faster
    if (before && isUsable(before, not)) return obtained(before);
    const reply = await endpoint.requestToken(not, before?.refreshToken);
    if (reply.outcome === 'failed') {
      // where the lock ran out in between, another one may have used the refresh token up, and has a token
      const since = remember(await kept.read(scope));
      return since && isUsable(since, not) && since.value !== before?.value ? obtained(since) : reply;
    }
    const { value, lifeMs, refreshToken = before?.refreshToken } = reply.token;
    const token: KeptToken = {
      value,
      ...(lifeMs !== undefined && { expiresAtMs: Date.now() + lifeMs }),
      ...(refreshToken !== undefined && { refreshToken }),
    };
    remember(token);
    if (await persistently(() => kept.write(scope, token, lock))) return reply;
    // this process was so slow that another one had the lock after it: that one's token is the live one
    const later = remember(await kept.read(scope));
    return later && isUsable(later, not) ? obtained(later) : reply;
  };

  return {
    async requestToken(not) {
      const owner = randomUUID();
      const giveUpAt = performance.now() + 2 * longestMs;
      let lock: number | undefined;
      try {
        for (;;) {
          const token = remember(await kept.read(scope));
          if (token && isUsable(token, not)) return obtained(token);
          lock = await kept.lock(scope, owner, 2 * longestMs);
          if (lock !== undefined) break;
          if (performance.now() > giveUpAt) return failed('another process is busy with it');
          await delay(ASK_AGAIN_MS);
        }
        try {
          return await renew(not, lock);
        } finally {
          await kept.unlock(scope, owner).catch(() => {});
        }
      } catch (error) {
        return failed(`what is kept of it cannot be had: ${error instanceof Error ? error.message : error}`);
      }
    },
    secrets: () => [...endpoint.secrets(), ...seen],
    close: () => endpoint.close(),
  };
}

function isUsable(
  { value, expiresAtMs = Number.POSITIVE_INFINITY }: KeptToken,
  not: string | undefined,
): boolean {
  return value !== not && expiresAtMs > Date.now() + WORTH_MS;
}

function obtained({ value, expiresAtMs }: KeptToken): TokenReply {
  const life = expiresAtMs === undefined ? {} : { lifeMs: expiresAtMs - Date.now() };
  return { outcome: 'obtained', token: { value, ...life } };
}

function failed(why: string): TokenReply {
  const trouble: Unavailable = {
    ...{ kind: 'unavailable', code: 'token_unavailable', details: {}, unsent: true },
    message: `no access token: ${why}`,
  };
  return { outcome: 'failed', trouble };
}

async function persistently<T>(act: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await act();
    } catch (error) {
      if (tries === WRITE_TRIES) throw error;
      await delay(ASK_AGAIN_MS);
    }
  }
}
