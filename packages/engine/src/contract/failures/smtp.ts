import { InDoubtError, MisconfiguredError, RejectedError, UnavailableError } from '../errors.ts';
import { faultOf, type HoldfastFailure, number, text } from './shape.ts';

const CODES = new Set([
  'EAUTH',
  'ECONNECTION',
  'EDNS',
  'EENVELOPE',
  'EMESSAGE',
  'ENOAUTH',
  'EPROTOCOL',
  'ESOCKET',
  'ESTREAM',
  'ETIMEDOUT',
  'ETLS',
]);

/**
 * nodemailer. A reply of the server is definite: 4xx try again, 5xx refused. Without a reply, nothing was sent if the connection was not
 * made; after that a message may have been taken.
 */
export function smtpFailure(error: object): HoldfastFailure | undefined {
  const code = text(error, 'code') ?? '';
  const reply = number(error, 'responseCode');
  const command = text(error, 'command');
  if (!CODES.has(code) || (reply === undefined && command === undefined)) return undefined;
  const fault = faultOf(error, `smtp_${code.slice(1).toLowerCase()}`, 'SMTP', {
    ...(reply !== undefined && { reply }),
    ...(command && { command }),
  });
  if (code === 'EAUTH' || code === 'ENOAUTH')
    return reply !== undefined && reply < 500 ? new UnavailableError(fault) : new MisconfiguredError(fault);
  if (reply !== undefined && reply >= 400)
    return reply < 500 ? new UnavailableError(fault) : new RejectedError(fault);
  // no recipient, or a sender that is none: refused before a connection was made
  if (code === 'EENVELOPE') return new RejectedError(fault);
  // `command` is CONN for a connection that was lost at any time, so it proves nothing; `syscall` is of the socket's own error
  const syscall = text(error, 'syscall');
  const unsent = code === 'EDNS' || code === 'ETLS' || syscall === 'connect' || syscall === 'getaddrinfo';
  if (unsent) return new UnavailableError(fault);
  return new InDoubtError(fault);
}
