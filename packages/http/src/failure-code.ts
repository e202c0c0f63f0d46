import { ProxyRefusedError } from './proxy.ts';

/** What kept a request from being sent. */
const NOT_SENT: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection_refused',
  ENOTFOUND: 'host_not_found',
  EAI_AGAIN: 'host_not_found',
  UND_ERR_CONNECT_TIMEOUT: 'connect_timeout',
  ETIMEDOUT: 'connect_timeout',
  ECONNRESET: 'connection_reset',
  UND_ERR_CLOSED: 'client_closed',
  UND_ERR_DESTROYED: 'client_closed',
  aborted: 'aborted',
  not_started: 'not_started',
};

/** What broke an exchange once the request was sent. */
const SENT: Readonly<Record<string, string>> = {
  ECONNRESET: 'connection_reset',
  EPIPE: 'connection_reset',
  UND_ERR_SOCKET: 'connection_lost',
  ETIMEDOUT: 'connection_lost',
  UND_ERR_HEADERS_OVERFLOW: 'response_malformed',
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'response_malformed',
  UND_ERR_DESTROYED: 'client_closed',
  aborted: 'aborted',
  headers_timeout: 'headers_timeout',
  body_timeout: 'body_timeout',
  response_too_large: 'response_too_large',
  response_malformed: 'response_malformed',
  response_encoding_unknown: 'response_encoding_unknown',
};

/** @returns our stable code for an error of undici, of Node or of our own. */
export function failureCode(error: unknown, sent: boolean): string {
  const code = codeOf(error) ?? '';
  if (!sent) {
    if (isAboutCertificate(code)) return 'certificate_not_trusted';
    if (code.startsWith('ERR_TLS_') || code.startsWith('ERR_SSL_') || code === 'EPROTO') return 'tls_failed';
    if (error instanceof ProxyRefusedError)
      return error.status === 407 ? 'proxy_credentials_refused' : 'proxy_refused';
    return NOT_SENT[code] ?? 'connection_failed';
  }
  // llhttp's errors have codes for some of its reasons only.
  if (error instanceof Error && error.name === 'HTTPParserError') return 'response_malformed';
  return SENT[code] ?? 'connection_lost';
}

/** OpenSSL's words for a certificate that is not what it should be: expired, self-signed, of another host, of an authority nobody knows. */
function isAboutCertificate(code: string): boolean {
  return /CERT|ISSUER|UNABLE_TO_VERIFY_LEAF_SIGNATURE|HOSTNAME_MISMATCH|SELF_SIGNED/.test(code);
}

/** The error's own code, for the details. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
