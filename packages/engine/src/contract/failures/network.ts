import { InDoubtError, UnavailableError } from '../errors.ts';
import { causesOf, faultOf, type HoldfastFailure, member, text } from './shape.ts';

/** Not a byte of the request was sent. */
const UNSENT: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection_refused',
  ENOTFOUND: 'host_not_found',
  EAI_AGAIN: 'host_not_resolved',
  UND_ERR_CONNECT_TIMEOUT: 'connect_timeout',
};

/** Nothing was sent if it went wrong while connecting; later, the effect may have happened. */
const BY_SYSCALL: Readonly<Record<string, string>> = {
  ETIMEDOUT: 'connect_timeout',
  EHOSTUNREACH: 'host_unreachable',
  ENETUNREACH: 'network_unreachable',
  EADDRNOTAVAIL: 'network_unreachable',
};

/** The request may have arrived. */
const IN_DOUBT: Readonly<Record<string, string>> = {
  ECONNRESET: 'connection_reset',
  ECONNABORTED: 'connection_aborted',
  EPIPE: 'connection_reset',
  ETIMEDOUT: 'request_timeout',
  ESOCKETTIMEDOUT: 'request_timeout',
  EHOSTUNREACH: 'host_unreachable',
  ENETUNREACH: 'network_unreachable',
  ERR_CANCELED: 'request_aborted',
  ABORT_ERR: 'request_aborted',
  ERR_ABORTED: 'request_aborted',
  ERR_STREAM_PREMATURE_CLOSE: 'connection_closed',
  UND_ERR_SOCKET: 'connection_closed',
  UND_ERR_HEADERS_TIMEOUT: 'headers_timeout',
  UND_ERR_BODY_TIMEOUT: 'body_timeout',
  UND_ERR_ABORTED: 'request_aborted',
};

const NAMES: Readonly<Record<string, string>> = {
  AbortError: 'request_aborted',
  TimeoutError: 'request_timeout',
};

/**
 * `fetch`, undici, `node:http`, and every library that keeps their error as `cause`: what the error code says of the request. An
 * error without such a code is not the network's.
 * @param mayHaveBeenSent an earlier try of the same call may have sent the request, so that a refused connection proves nothing
 */
export function networkFailure(error: object, mayHaveBeenSent = false): HoldfastFailure | undefined {
  for (const each of causesOf(error)) {
    const found = codeIn(each);
    if (!found) continue;
    if (!found.unsent || mayHaveBeenSent)
      return new InDoubtError(faultOf(error, found.code, 'the request may have arrived'));
    return new UnavailableError(faultOf(error, found.code, 'the request was not sent', { unsent: true }));
  }
  return undefined;
}

function codeIn(error: object): { readonly code: string; readonly unsent: boolean } | undefined {
  const attempts = member(error, 'errors');
  // one for each address that was tried: unsent only if each was
  if (Array.isArray(attempts) && attempts.length > 0) {
    const found = attempts
      .slice(0, 20)
      .map((each) => (typeof each === 'object' && each ? codeIn(each) : undefined));
    const [first] = found;
    if (first && found.every((each) => each !== undefined)) {
      return found.find((each) => each?.unsent === false) ?? first;
    }
    return undefined;
  }
  const code = text(error, 'code') ?? '';
  const unsent = UNSENT[code] ?? (text(error, 'syscall') === 'connect' ? BY_SYSCALL[code] : undefined);
  if (unsent !== undefined) return { code: unsent, unsent: true };
  const doubt = IN_DOUBT[code] ?? (code.startsWith('HPE_') ? 'response_malformed' : undefined);
  const named = doubt ?? NAMES[text(error, 'name') ?? ''];
  return named === undefined ? undefined : { code: named, unsent: false };
}
