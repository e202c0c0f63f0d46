import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import type { Answer } from './serve.ts';

export interface OAuthClient {
  readonly id: string;
  readonly secret: string;
}

const TokenRequest = z.object({
  grant_type: z.string().optional(),
  client_id: z.string().optional(),
  client_secret: z.string().optional(),
});

/**
 * OAuth 2 client credentials (RFC 6749, section 4.4). A token carries its expiry and is signed with the client's secret, so it
 * outlives a restart without being kept anywhere.
 */
export class TokenIssuer {
  readonly #client: OAuthClient;
  readonly #lifetimeSeconds: number;
  /** Those that hold since one was given that ended all before it. Absent: all that were given. */
  #live: Set<string> | undefined;

  constructor(client: OAuthClient, lifetimeSeconds: number) {
    this.#client = client;
    this.#lifetimeSeconds = lifetimeSeconds;
  }

  /**
   * @param authorization the request's header; its Basic credentials go before those in the form
   * @param endsOthers whether all tokens that were given before end with it
   */
  issue(authorization: string | undefined, form: unknown, endsOthers: () => boolean = () => false): Answer {
    const request = TokenRequest.safeParse(form);
    if (!request.success) return oauthError(400, 'invalid_request', 'Send one grant_type as a form.');
    const { grant_type: grant, client_id: id = '', client_secret: secret = '' } = request.data;
    const given = basicCredentials(authorization) ?? { id, secret };
    if (!same(given.id, this.#client.id) || !same(given.secret, this.#client.secret))
      return oauthError(401, 'invalid_client', 'The client id or its secret is wrong.');
    if (grant !== 'client_credentials')
      return oauthError(400, 'unsupported_grant_type', 'Only grant_type=client_credentials is served.');
    const token = this.#sign(
      `${Date.now() + this.#lifetimeSeconds * 1000}-${randomBytes(6).toString('hex')}`,
    );
    if (endsOthers()) this.#live = new Set();
    this.#live?.add(token);
    return {
      status: 200,
      headers: { 'cache-control': 'no-store' },
      body: {
        access_token: token,
        token_type: 'Bearer',
        expires_in: this.#lifetimeSeconds,
      },
    };
  }

  accepts(authorization: string | undefined): boolean {
    const token = /^Bearer (\S+)$/i.exec(authorization ?? '')?.[1];
    const claim = token?.split('.')[0];
    if (token === undefined || claim === undefined) return false;
    if (this.#live && !this.#live.has(token)) return false;
    return same(token, this.#sign(claim)) && Number(claim.split('-')[0]) > Date.now();
  }

  /** @param claim when it expires, and what tells it from others */
  #sign(claim: string): string {
    const { id, secret } = this.#client;
    return `${claim}.${createHmac('sha256', secret).update(`${id}.${claim}`).digest('base64url')}`;
  }
}

export function oauthError(status: number, error: string, description: string): Answer {
  return {
    status,
    headers: {
      'cache-control': 'no-store',
      ...(status === 401 ? { 'www-authenticate': 'Basic realm="shipping"' } : {}),
    },
    body: { error, error_description: description },
  };
}

/** Id and secret are form-encoded within Basic credentials (RFC 6749, section 2.3.1). */
function basicCredentials(authorization: string | undefined): OAuthClient | undefined {
  const encoded = /^Basic (\S+)$/i.exec(authorization ?? '')?.[1];
  if (encoded === undefined) return undefined;
  const [id = '', ...rest] = Buffer.from(encoded, 'base64').toString().split(':');
  return { id: formDecoded(id), secret: formDecoded(rest.join(':')) };
}

function formDecoded(text: string): string {
  return new URLSearchParams(`v=${text.replaceAll('&', '%26')}`).get('v') ?? '';
}

/** In constant time for texts of the same length. */
function same(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}
