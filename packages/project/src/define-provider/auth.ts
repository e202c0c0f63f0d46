import {
  type Auth,
  basic,
  bearer,
  type ClientAuth,
  type Guard,
  header,
  type KeptTokens,
  oauthClientCredentials,
  queryKey,
  type Reach,
} from '@holdfast/http';
import { z } from 'zod';
import { httpUrl, type Settings } from './settings.ts';

/**
 * How requests show who they come from, and which variables hold it: `bearer`, a header and the query read `_KEY`, `basic` reads `_USER` and
 * `_PASSWORD`, OAuth client credentials read `_CLIENT_ID` and `_CLIENT_SECRET`.
 */
export type ProviderAuth =
  | 'none'
  | 'bearer'
  | 'basic'
  /** The name of the header that carries the key. */
  | { readonly header: string }
  /** The name of the query parameter that carries the key. Only where there is no other way: it stands in the provider's logs. */
  | { readonly query: string }
  | { readonly oauth: OAuthOptions };

export interface OAuthOptions {
  /** A path below the provider's URL, such as `/oauth/token`, or a URL. The variable `_TOKEN_URL` wins. */
  readonly token: string;
  /** Default: none. */
  readonly scope?: string;
  /** Sends the client secret in a header or in the form. Default `basic`. */
  readonly clientAuth?: Extract<ClientAuth, string>;
  /** More of the token request, such as `audience`. Default: none. */
  readonly parameters?: Readonly<Record<string, string>>;
}

/** @returns the variables, by the end of their name */
export function authVariables(auth: ProviderAuth, provider: string): Record<string, z.ZodType> {
  const needed = (what: string) => z.string({ error: `expected the ${what} of the provider "${provider}"` });
  if (auth === 'none') return {};
  if (auth === 'basic') return { USER: needed('user name'), PASSWORD: needed('password') };
  if (typeof auth === 'object' && 'oauth' in auth)
    return {
      CLIENT_ID: needed('client id'),
      CLIENT_SECRET: needed('client secret'),
      TOKEN_URL: httpUrl.optional(),
    };
  return { KEY: needed('key') };
}

export interface AuthContext {
  readonly settings: Settings;
  readonly baseUrl: string;
  readonly reach: Reach;
  readonly guard?: Guard | undefined;
  readonly tokens?: KeptTokens | undefined;
}

/** @throws TypeError for credentials that cannot be sent; it does not show them */
export function makeAuth(auth: ProviderAuth, context: AuthContext): Auth | undefined {
  const { settings, baseUrl, reach, guard, tokens } = context;
  if (auth === 'none') return undefined;
  if (auth === 'bearer') return bearer(settings.text('KEY'));
  if (auth === 'basic') return basic(settings.text('USER'), settings.text('PASSWORD'));
  if ('header' in auth) return header(auth.header, settings.text('KEY'));
  if ('query' in auth) return queryKey(auth.query, settings.text('KEY'));
  const { token, ...more } = auth.oauth;
  return oauthClientCredentials({
    tokenUrl: settings.optional('TOKEN_URL') ?? (token.startsWith('/') ? `${baseUrl}${token}` : token),
    clientId: settings.text('CLIENT_ID'),
    clientSecret: settings.text('CLIENT_SECRET'),
    ...more,
    ...{ guard, reach, kept: tokens },
  });
}

/** The end of the name of the variable that holds what tells one account from another. */
export function accountVariable(auth: ProviderAuth): string | undefined {
  if (auth === 'none') return undefined;
  if (auth === 'basic') return 'USER';
  return typeof auth === 'object' && 'oauth' in auth ? 'CLIENT_ID' : 'KEY';
}
