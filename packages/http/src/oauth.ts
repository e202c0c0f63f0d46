import { createHash } from 'node:crypto';
import type { Auth } from './auth.ts';
import type { Reach } from './connections.ts';
import { isLocalHost } from './local-host.ts';
import type { Guard } from './shared/guard.ts';
import type { KeptTokens } from './shared/kept-tokens.ts';
import { sharedToken } from './shared-token.ts';
import { tokenAuth } from './token-auth.ts';
import { type ClientAuth, tokenEndpoint } from './token-endpoint.ts';

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
  /** Default `basic`. */
  readonly clientAuth?: ClientAuth | undefined;
  /** More of the request, such as `audience` or `resource`. */
  readonly parameters?: Readonly<Record<string, string>> | undefined;
  /** Where all processes keep one token together, encrypted. Default: each process has a token of its own. */
  readonly kept?: KeptTokens | undefined;
  /** A clock that only goes forward, in milliseconds. Default `performance.now`. */
  readonly now?: () => number;
}

export interface OAuthClientCredentials extends OAuthOptions {
  /** Absent with a private key. */
  readonly clientSecret?: string;
}

export interface OAuthRefreshToken extends OAuthOptions {
  /** Absent for a public client. */
  readonly clientSecret?: string;
  readonly refreshToken: string;
  /**
   * `false` promises that the server never revokes a refresh token: then it need not be `kept`. Default true: what each process had for
   * itself would be refused once another, or its predecessor, has used it.
   */
  readonly rotates?: boolean;
}

/**
 * OAuth 2 client credentials (RFC 6749, 4.4).
 * @throws TypeError for a token URL that cannot be used
 */
export function oauthClientCredentials(options: OAuthClientCredentials): Auth {
  checkTokenUrl(options);
  const grant = { type: 'client_credentials' } as const;
  return authOf(options, grant, options.clientId);
}

/**
 * OAuth 2 refresh token (RFC 6749, 6). A new refresh token that comes with an access token takes the place of the old one: in all processes
 * and over restarts, since they are `kept`; where the server does not rotate them, in this process.
 * @throws TypeError for a token URL that cannot be used, and for refresh tokens that may rotate and are not kept
 */
export function oauthRefreshToken({ refreshToken, rotates = true, ...options }: OAuthRefreshToken): Auth {
  checkTokenUrl(options);
  if (rotates && !options.kept)
    throw new TypeError(
      'a refresh token that may rotate has to be kept for all processes (`kept`, which needs HOLDFAST_ENCRYPTION_KEYS); `rotates: false` says that the server never takes one back',
    );
  const grant = { type: 'refresh_token', refreshToken } as const;
  // another first refresh token is another chain of them
  return authOf(options, grant, `${options.clientId}\n${refreshToken}`);
}

function authOf(options: OAuthOptions, grant: Grant, account: string): Auth {
  const { kept, timeoutMs = 10_000, tokenUrl, scope = '', parameters = {} } = options;
  const endpoint = tokenEndpoint({ ...options, timeoutMs, grant });
  if (!kept) return tokenAuth(endpoint, clockOf(options));
  const whose = [grant.type, tokenUrl, account, scope, JSON.stringify(parameters)].join('\n');
  const name = createHash('sha256').update(whose).digest('hex').slice(0, 32);
  // connecting, head and body may each take as long
  return tokenAuth(sharedToken(endpoint, kept, { scope: name, longestMs: 3 * timeoutMs }), clockOf(options));
}

type Grant = Parameters<typeof tokenEndpoint>[0]['grant'];

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
