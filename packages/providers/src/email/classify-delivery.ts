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
 * is about the session and not about the mail: later, too. A login that is refused or asked for (530, 535), and a sender that is refused,
 * are for us to put right. What else goes wrong before them is never about this mail: nothing happened. Without a reply, all depends on whether the
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

  if (isAboutUs(error))
    return trouble(
      'misconfigured',
      isLogin(error) ? 'smtp_login_refused' : 'sender_refused',
      isLogin(error)
        ? `the mail server refuses our login: ${error.message}`
        : `the mail server refuses our sender address: ${error.message}`,
    );
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

function isAboutUs(error: SmtpError): boolean {
  return isLogin(error) || (error.command === 'MAIL FROM' && isPermanent(error));
}

function isLogin({ code, responseCode = 0 }: SmtpError): boolean {
  return responseCode === 530 || responseCode === 535 || (code === 'EAUTH' && responseCode >= 500);
}

function isPermanent({ responseCode = 0 }: SmtpError): boolean {
  return responseCode >= 500 && responseCode !== 503 && responseCode !== 552;
}
