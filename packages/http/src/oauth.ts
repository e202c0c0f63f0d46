import type { Auth } from './auth.ts';
import type { Reach } from './connections.ts';
import { isLocalHost } from './local-host.ts';
import type { Guard } from './shared/guard.ts';
import { tokenAuth } from './token-auth.ts';
import { tokenEndpoint } from './token-endpoint.ts';

interface OAuthOptions {
  /** `https`; plain `http` only on this machine, or where `reach` says. */
  readonly tokenUrl: string;
  readonly clientId: string;
  readonly scope?: string;
  /** For one request of a token, from connecting to the last byte. Default 10 000. */
  readonly timeoutMs?: number;
  /** The provider's: a token is asked for as every other call is made. Default: none. */
  readonly guard?: Guard | undefined;
  readonly reach?: Reach | undefined;
  /** A clock that only goes forward, in milliseconds. Default `performance.now`. */
  readonly now?: () => number;
}

export interface OAuthClientCredentials extends OAuthOptions {
  readonly clientSecret: string;
}

export interface OAuthRefreshToken extends OAuthOptions {
  /** Absent for a public client. */
  readonly clientSecret?: string;
  readonly refreshToken: string;
}

/**
 * OAuth 2 client credentials (RFC 6749, 4.4), with HTTP basic authentication at the token endpoint.
 * @throws TypeError for a token URL that cannot be used
 */
export function oauthClientCredentials(options: OAuthClientCredentials): Auth {
  checkTokenUrl(options);
  const grant = { type: 'client_credentials' } as const;
  return tokenAuth(tokenEndpoint({ timeoutMs: 10_000, ...options, grant }), clockOf(options));
}

/**
 * OAuth 2 refresh token (RFC 6749, 6). A new refresh token that comes with an access token takes the place of the old one in this
 * process. A server that then refuses the old one can serve one process only: its others still hold what they were given.
 * @throws TypeError for a token URL that cannot be used
 */
export function oauthRefreshToken({ refreshToken, ...options }: OAuthRefreshToken): Auth {
  checkTokenUrl(options);
  const grant = { type: 'refresh_token', refreshToken } as const;
  return tokenAuth(tokenEndpoint({ timeoutMs: 10_000, ...options, grant }), clockOf(options));
}

function clockOf({ now = () => performance.now() }: OAuthOptions): () => number {
  return now;
}

function checkTokenUrl({ tokenUrl, reach }: Pick<OAuthOptions, 'tokenUrl' | 'reach'>): void {
  const url = URL.canParse(tokenUrl) ? new URL(tokenUrl) : undefined;
  if (
    url?.protocol === 'https:' ||
    (url?.protocol === 'http:' && isLocalHost(url.hostname, reach?.plaintextHosts))
  )
    return;
  throw new TypeError(
    `the token URL of ${url?.host ?? JSON.stringify(tokenUrl)} must be https: it is sent the client secret (plain http is for this machine only)`,
  );
}
