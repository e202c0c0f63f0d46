import type { Trouble } from '@holdfast/http';
import type { Delivery, SmtpError } from './smtp-delivery.ts';

export type SmtpTrouble = Trouble & {
  readonly kind: 'rejected' | 'misconfigured' | 'unavailable' | 'in_doubt';
};

type Failed = Extract<Delivery, { accepted: false }>;

/** nodemailer's codes, by what they mean for a person. */
const CODES: Readonly<Record<string, string>> = {
  aborted: 'aborted',
  ECONNECTION: 'smtp_connection_lost',
  ESOCKET: 'smtp_connection_lost',
  ETIMEDOUT: 'smtp_timeout',
  EDNS: 'host_not_found',
  ETLS: 'tls_failed',
  EAUTH: 'smtp_login_refused',
  EPROTOCOL: 'smtp_protocol_error',
};

/**
 * The one place that decides what a failed delivery means. Pure.
 *
 * A reply to MAIL, RCPT, DATA or the message itself is definite: 5xx is a no, 4xx means later. 503 (wrong order of commands)
 * is about the session and not about the mail: later, too. A login that is refused or asked for (530, 535), a sender that is refused, and a
 * server that does not relay for us are for us to put right. What else goes wrong before them is never about this mail: nothing happened. Without a reply, all depends on whether the
 * message had begun.
 */
export function classifyDelivery({ dataStarted, error }: Failed): SmtpTrouble {
  const { responseCode, command } = error;
  const details = {
    ...(responseCode === undefined ? {} : { smtpStatus: responseCode }),
    ...(command === undefined ? {} : { command }),
  };
  const trouble = (kind: SmtpTrouble['kind'], code: string, message: string): SmtpTrouble => ({
    kind,
    code,
    message,
    details,
  });

  const ours = faultOfOurs(error);
  if (ours) return trouble('misconfigured', ours.code, `${ours.words}: ${error.message}`);
  if (isAboutTheMail(error) && responseCode !== undefined && responseCode >= 400) {
    const permanent = responseCode >= 500 && responseCode !== 503;
    return trouble(permanent ? 'rejected' : 'unavailable', `smtp_${responseCode}`, error.message);
  }
  if (isRefusedByUs(error)) return trouble('rejected', 'mail_not_acceptable', error.message);
  const code = CODES[error.code] ?? 'smtp_failed';
  return dataStarted
    ? trouble('in_doubt', code, `the message was handed over, but no reply came: ${error.message}`)
    : trouble('unavailable', code, `nothing was sent: ${error.message}`);
}

function isAboutTheMail({ code }: SmtpError): boolean {
  return code === 'EENVELOPE' || code === 'EMESSAGE';
}

/** nodemailer sends no mail with an address that cannot be, or that is larger than the server has said to take. */
function isRefusedByUs({ code, command }: SmtpError): boolean {
  return (code === 'EENVELOPE' && command === 'API') || (code === 'EMESSAGE' && command === 'MAIL FROM');
}

/** What a refusal says of us, and not of the mail. */
function faultOfOurs(error: SmtpError): { readonly code: string; readonly words: string } | undefined {
  if (isLogin(error)) return { code: 'smtp_login_refused', words: 'the mail server refuses our login' };
  if (!isPermanent(error)) return undefined;
  const { command, message } = error;
  if (command === 'MAIL FROM' || (command === 'RCPT TO' && isSenderRefused(message)))
    return { code: 'sender_refused', words: 'the mail server refuses our sender address' };
  if (command === 'RCPT TO' && isRelayRefused(message))
    return { code: 'relay_refused', words: 'the mail server sends no mail of ours on to others' };
  return undefined;
}

/**
 * Servers may keep what they have against a sender back until a recipient is named (Postfix does, unless told otherwise). RFC 3463 has codes for
 * it, 5.1.7 and 5.1.8, which few use; for relaying it has none of its own.
 */
function isSenderRefused(message: string): boolean {
  return /\b5\.1\.[78]\b|sender (address )?(rejected|refused|denied)/i.test(message);
}

function isRelayRefused(message: string): boolean {
  return /relay(ing)? (access )?(is )?(denied|not (permitted|allowed))|(unable|not permitted|not allowed) to relay|rcpthosts/i.test(
    message,
  );
}

function isLogin({ code, responseCode = 0 }: SmtpError): boolean {
  return responseCode === 530 || responseCode === 535 || (code === 'EAUTH' && responseCode >= 500);
}

function isPermanent({ responseCode = 0 }: SmtpError): boolean {
  return responseCode >= 500 && responseCode !== 503 && responseCode !== 552;
}
