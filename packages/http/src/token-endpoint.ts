import { createPrivateKey, webcrypto } from 'node:crypto';
import * as oauth from 'oauth4webapi';
import { Connections, type Reach } from './connections.ts';
import { type Exchange, exchange } from './exchange.ts';
import { codeOf, failureCode } from './failure-code.ts';
import type { Details, Misconfigured, Throttled, Unavailable } from './outcome.ts';
import { readRetryAfter } from './retry-after.ts';
import type { Guard } from './shared/guard.ts';

export interface Token {
  readonly value: string;
  /** From when it was asked for. Absent: the server did not say. */
  readonly lifeMs?: number;
  /** It came with it, and takes the place of the one before. */
  readonly refreshToken?: string;
}

export type TokenReply =
  | { readonly outcome: 'obtained'; readonly token: Token }
  | { readonly outcome: 'failed'; readonly trouble: Misconfigured | Unavailable | Throttled };

export interface TokenEndpoint {
  /**
   * Never rejects.
   * @param not a token that is of no use any more
   * @param refreshToken instead of the one that it has
   */
  requestToken(not?: string, refreshToken?: string): Promise<TokenReply>;
  /** What it sends, in the forms that it is sent in. Asked for anew each time: refresh tokens change. */
  secrets(): readonly string[];
  close(): Promise<void>;
}

/** How we show the token endpoint who we are; `basic` and `post` send the client secret in a header or in the form. */
export type ClientAuth =
  | 'basic'
  | 'post'
  /** RFC 7523: a signed assertion instead of a secret. @param key PKCS #8 in PEM form */
  | {
      readonly privateKeyJwt: {
        readonly key: string;
        readonly algorithm: 'RS256' | 'ES256';
        readonly keyId?: string;
      };
    };

interface TokenEndpointOptions {
  readonly tokenUrl: string;
  readonly clientId: string;
  readonly clientSecret?: string;
  readonly scope?: string;
  readonly clientAuth?: ClientAuth | undefined;
  readonly parameters?: Readonly<Record<string, string>> | undefined;
  readonly timeoutMs: number;
  readonly guard?: Guard | undefined;
  readonly reach?: Reach | undefined;
  readonly grant:
    | { readonly type: 'client_credentials' }
    | { readonly type: 'refresh_token'; readonly refreshToken: string };
}

const MAX_TOKEN_RESPONSE_BYTES = 64 * 1024;

/** Asks for tokens with oauth4webapi, over an exchange that is bounded in time and size like every other. */
export function tokenEndpoint(options: TokenEndpointOptions): TokenEndpoint {
  const { tokenUrl, timeoutMs } = options;
  const { origin } = new URL(tokenUrl);
  const credentials =
    options.clientSecret === undefined ? undefined : basicCredentials(options.clientId, options.clientSecret);
  const clientAuth = clientAuthOf(options, credentials);
  const connections = new Connections(origin, { ...options.reach, connectTimeoutMs: timeoutMs });
  const server: oauth.AuthorizationServer = { issuer: origin, token_endpoint: tokenUrl };
  const client: oauth.Client = { client_id: options.clientId };
  const limits = {
    headersTimeoutMs: timeoutMs,
    bodyTimeoutMs: timeoutMs,
    maxResponseBytes: MAX_TOKEN_RESPONSE_BYTES,
  };

  let refreshToken = options.grant.type === 'refresh_token' ? options.grant.refreshToken : undefined;
  const parameters: Record<string, string> = {
    ...(options.scope !== undefined && { scope: options.scope }),
    ...options.parameters,
  };

  /** Not guarded: one request, and what came of it. */
  const ask = async (): Promise<Obtained | Misconfigured | Unavailable> => {
    let seen: Exchange | undefined;
    const over: oauth.TokenEndpointRequestOptions = {
      // Which URLs may be plain http was decided when the client was made.
      [oauth.allowInsecureRequests]: true,
      signal: AbortSignal.timeout(timeoutMs),
      [oauth.customFetch]: async (
        url: string,
        { method, headers, body, signal }: oauth.CustomFetchOptions<'POST', URLSearchParams>,
      ) => {
        const { pathname, search } = new URL(url);
        const request = { method, path: `${pathname}${search}`, headers, body: body.toString() };
        seen = await exchange(
          connections.dispatcher,
          { ...request, origin, signal: signal ?? new AbortController().signal },
          limits,
        );
        return toResponse(seen);
      },
    };
    try {
      const authenticate = await clientAuth();
      const response =
        refreshToken === undefined
          ? await oauth.clientCredentialsGrantRequest(server, client, authenticate, parameters, over)
          : await oauth.refreshTokenGrantRequest(server, client, authenticate, refreshToken, {
              ...over,
              additionalParameters: parameters,
            });
      const reply =
        refreshToken === undefined
          ? await oauth.processClientCredentialsResponse(server, client, response)
          : await oauth.processRefreshTokenResponse(server, client, response);
      const token = toToken(reply.access_token, reply.expires_in);
      const rotated = refreshToken === undefined ? undefined : reply.refresh_token;
      if (rotated !== undefined) refreshToken = rotated;
      return { kind: 'ok', token: rotated === undefined ? token : { ...token, refreshToken: rotated } };
    } catch (error) {
      return explain(error, seen);
    }
  };

  return {
    async requestToken(_not, newer) {
      if (newer !== undefined && options.grant.type === 'refresh_token') refreshToken = newer;
      const { guard } = options;
      const reply = guard
        ? await guard.through({ signal: new AbortController().signal, endpoint: 'token' }, ask)
        : await ask();
      return reply.kind === 'ok'
        ? { outcome: 'obtained', token: reply.token }
        : { outcome: 'failed', trouble: reply };
    },
    secrets: () => [options.clientSecret, credentials, refreshToken].filter((secret) => secret !== undefined),
    close: () => connections.close(),
  };
}

/** Made when it is first needed: keys are read asynchronously. */
function clientAuthOf(
  { clientAuth = 'basic', clientSecret }: TokenEndpointOptions,
  credentials: string | undefined,
): () => Promise<oauth.ClientAuth> {
  let made: Promise<oauth.ClientAuth> | undefined;
  const make = async (): Promise<oauth.ClientAuth> => {
    if (typeof clientAuth === 'object') return privateKeyAuth(clientAuth.privateKeyJwt);
    if (clientSecret === undefined || credentials === undefined) return oauth.None();
    if (clientAuth === 'post') return oauth.ClientSecretPost(clientSecret);
    return (_server, _client, _body, headers) => headers.set('authorization', `Basic ${credentials}`);
  };
  return () => {
    made ??= make();
    return made;
  };
}

async function privateKeyAuth({
  key,
  algorithm,
  keyId,
}: Extract<ClientAuth, object>['privateKeyJwt']): Promise<oauth.ClientAuth> {
  const der = createPrivateKey(key).export({ format: 'der', type: 'pkcs8' });
  const kind =
    algorithm === 'ES256'
      ? { name: 'ECDSA', namedCurve: 'P-256' }
      : { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };
  const imported = await webcrypto.subtle.importKey('pkcs8', new Uint8Array(der), kind, false, ['sign']);
  return oauth.PrivateKeyJwt(keyId === undefined ? imported : { key: imported, kid: keyId });
}

interface Obtained {
  readonly kind: 'ok';
  readonly token: Token;
}

/**
 * As RFC 6749, 2.3.1 has it, but escaping no more than a form has to. The library's own also escapes `-`, `.` and `_`, which
 * servers that forget to unescape turn away.
 */
function basicCredentials(clientId: string, clientSecret: string): string {
  const escaped = (text: string) => new URLSearchParams([['', text]]).toString().slice(1);
  return Buffer.from(`${escaped(clientId)}:${escaped(clientSecret)}`).toString('base64');
}

class NoAnswerError extends Error {
  readonly code: string;
  constructor(error: unknown, sent: boolean) {
    super('the token endpoint gave no usable answer', { cause: error });
    this.name = 'NoAnswerError';
    this.code = failureCode(error, sent);
  }
}

function toResponse(result: Exchange): Response {
  if (result.ended === 'failed') throw new NoAnswerError(result.error, result.sent);
  const { status, headers, body } = result;
  if (!body.whole) throw new NoAnswerError(body.error, true);
  const bodiless = status === 204 || status === 205 || status === 304;
  return new Response(bodiless ? null : new Uint8Array(body.bytes), { status, headers });
}

function toToken(value: string, lifeSeconds: number | undefined): Token {
  if (!/^[\x21-\x7e]+$/.test(value)) throw new Error('the access token cannot stand in a header');
  return lifeSeconds === undefined ? { value } : { value, lifeMs: lifeSeconds * 1000 };
}

/** A refused login, a redirect, or an address where no tokens are given. */
const STATUSES_ABOUT_US = new Set([301, 302, 303, 307, 308, 401, 403, 404, 405]);
/** What the token endpoint says of us, and not of the moment. */
const ABOUT_US = new Set([
  'invalid_client',
  'invalid_grant',
  'unauthorized_client',
  'unsupported_grant_type',
  'invalid_scope',
]);

/** The errors' own messages and causes may quote the response: only what is known to be harmless is taken from them. */
function explain(error: unknown, seen: Exchange | undefined): Misconfigured | Unavailable {
  const answered = seen?.ended === 'answered' ? seen : undefined;
  const delayed = answered
    ? readRetryAfter(answered.headers['retry-after'], answered.headers.date, answered.receivedAtMs)
    : {};
  const status: Details = answered ? { status: answered.status } : {};
  const trouble = (code: string, message: string, details: Details): Unavailable => ({
    kind: 'unavailable',
    code,
    message: `no access token: ${message}`,
    details,
    unsent: true,
    ...delayed,
  });
  if (error instanceof NoAnswerError) {
    return trouble(
      'token_unavailable',
      `the token endpoint gave no answer (${error.code.replaceAll('_', ' ')})`,
      {
        ...status,
        reason: error.code,
      },
    );
  }
  if (error instanceof oauth.ResponseBodyError) {
    const description = error.error_description?.slice(0, 200);
    const refused = trouble('token_refused', `the token endpoint refuses: ${error.error}`, {
      ...status,
      oauthError: error.error.slice(0, 100),
      ...(description === undefined ? {} : { description }),
    });
    return ABOUT_US.has(error.error) ? aboutUs(refused) : refused;
  }
  if (answered && STATUSES_ABOUT_US.has(answered.status)) {
    return aboutUs(trouble('token_refused', `the token endpoint answered ${answered.status}`, status));
  }
  if (answered && answered.status !== 200) {
    return trouble('token_unavailable', `the token endpoint answered ${answered.status}`, status);
  }
  const reason = codeOf(error);
  return trouble('token_response_unexpected', 'the token endpoint answered something else than a token', {
    ...status,
    ...(reason === undefined ? {} : { reason }),
  });
}

function aboutUs({ code, message, details }: Unavailable): Misconfigured {
  return { kind: 'misconfigured', code, message, details };
}
