import type { Layer } from './request.ts';

/** How requests show who they come from. */
export interface Auth {
  readonly layer: Layer;
  /** Values to mask wherever they turn up. Asked for anew each time, since tokens change. */
  secrets(): readonly string[];
  close(): Promise<void>;
}

/** `Authorization: Bearer <token>`. @throws TypeError when the token cannot stand in a header; the message does not show it. */
export function bearer(token: string): Auth {
  return fixed('authorization', `Bearer ${checked('the bearer token', token)}`, [token]);
}

/** HTTP basic authentication. @throws TypeError when the user name holds a colon. */
export function basic(user: string, password: string): Auth {
  if (user.includes(':')) throw new TypeError('a user name for basic authentication cannot hold a ":"');
  const credentials = Buffer.from(`${user}:${password}`).toString('base64');
  return fixed('authorization', `Basic ${credentials}`, [password, credentials]);
}

/** A key in a header of the provider's own. @throws TypeError when the value cannot stand in a header. */
export function header(name: string, value: string): Auth {
  return fixed(name.toLowerCase(), checked(`the header "${name}"`, value), [value]);
}

/** A key in the query, where there is no other way: it stands in the provider's logs. @throws TypeError for a key without characters */
export function queryKey(name: string, value: string): Auth {
  if (value === '') throw new TypeError(`the query key "${name}" must not be empty`);
  return {
    layer: (next) => (request) => next({ ...request, query: { ...request.query, [name]: value } }),
    // in a query, a space is a plus
    secrets: () => [value, new URLSearchParams({ '': value }).toString().slice(1)],
    close: async () => {},
  };
}

function fixed(name: string, value: string, secrets: readonly string[]): Auth {
  return {
    layer: (next) => (request) => next({ ...request, headers: { ...request.headers, [name]: value } }),
    secrets: () => secrets,
    close: async () => {},
  };
}

function checked(what: string, value: string): string {
  if (/^[\x21-\x7e]+$/.test(value)) return value;
  throw new TypeError(`${what} must be one or more visible ASCII characters, without spaces`);
}
