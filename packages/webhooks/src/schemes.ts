import { createHmac, timingSafeEqual } from 'node:crypto';
import { Webhook } from 'standardwebhooks';

/** How a sender signs. `generic`: hex HMAC-SHA256 over the raw body alone, so that its id and time are not protected. */
export const SCHEMES = ['stripe', 'standard', 'github', 'generic'] as const;
export type Scheme = (typeof SCHEMES)[number];

/** Lower-case names; of a header that came more than once, all values joined. */
export type Headers = Readonly<Record<string, string | readonly string[] | undefined>>;

export interface Delivery {
  readonly headers: Headers;
  /** As it came, before anything parsed it. */
  readonly body: Uint8Array;
}

/** How old, or how far in the future, a signed time may be. */
const TOLERANCE_S = 300;
/** A signature, and those of a rotation, are far shorter. */
const MAX_SIGNATURE_CHARS = 4_096;
const MAX_SIGNATURES = 20;

/**
 * Whether a delivery was signed with one of the secrets, and not long ago.
 * @param now Unix milliseconds
 * @returns why not, for the log; undefined when it was
 */
export function faultOf(
  scheme: Scheme,
  secrets: readonly string[],
  delivery: Delivery,
  now: number,
): string | undefined {
  switch (scheme) {
    case 'stripe':
      return stripeFault(secrets, delivery, now);
    case 'standard':
      return standardFault(secrets, delivery, now);
    case 'github':
      return githubFault(secrets, delivery);
    case 'generic':
      return genericFault(secrets, delivery, now);
  }
}

/** One header, once. */
export function headerOf(headers: Headers, name: string): string | undefined {
  const value = headers[name];
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** Of Standard Webhooks, under either of its names. */
export function standardHeader(headers: Headers, what: 'id' | 'timestamp' | 'signature'): string | undefined {
  return headerOf(headers, `webhook-${what}`) ?? headerOf(headers, `svix-${what}`);
}

function stripeFault(
  secrets: readonly string[],
  { headers, body }: Delivery,
  now: number,
): string | undefined {
  const header = signatureIn(headerOf(headers, 'stripe-signature'));
  if (header === undefined) return 'no usable Stripe-Signature';
  const parts = header.split(',').map((part) => part.trim().split('='));
  const times = parts.flatMap(([name, value]) => (name === 't' ? [value] : []));
  const [time] = times;
  if (times.length !== 1 || time === undefined) return 'no single time in Stripe-Signature';
  const stale = timeFault(time, now);
  if (stale) return stale;
  const signatures = parts.flatMap(([name, value]) => (name === 'v1' && value ? [value] : []));
  const isSigned = secrets.some((secret) =>
    // keyed by the whole text of the secret
    fits(signatures, createHmac('sha256', secret).update(`${time}.`).update(body).digest()),
  );
  return isSigned ? undefined : 'no signature fits';
}

function standardFault(
  secrets: readonly string[],
  { headers, body }: Delivery,
  now: number,
): string | undefined {
  const id = standardHeader(headers, 'id');
  const time = standardHeader(headers, 'timestamp');
  const signature = signatureIn(standardHeader(headers, 'signature'));
  if (id === undefined || time === undefined || signature === undefined)
    return 'no usable webhook-id, webhook-timestamp and webhook-signature';
  // the library takes "123abc" for a number
  const stale = timeFault(time, now);
  if (stale) return stale;
  const text = textOf(body);
  if (text === undefined) return 'the body is not UTF-8';
  const signed = new Date(Number(time) * 1_000);
  const given = signature
    .split(' ')
    .slice(0, MAX_SIGNATURES)
    .map((each) => Buffer.from(each));
  const isSigned = secrets.some((secret) => {
    const expected = Buffer.from(new Webhook(secret).sign(id, signed, text));
    return given.some((each) => each.length === expected.length && timingSafeEqual(each, expected));
  });
  return isSigned ? undefined : 'no signature fits';
}

function githubFault(secrets: readonly string[], { headers, body }: Delivery): string | undefined {
  const signature = signatureIn(headerOf(headers, 'x-hub-signature-256'));
  const hex = /^sha256=([0-9a-f]{64})$/.exec(signature ?? '')?.[1];
  if (hex === undefined) return 'no usable X-Hub-Signature-256';
  return secrets.some((secret) => fits([hex], hmac(secret, body))) ? undefined : 'no signature fits';
}

function genericFault(
  secrets: readonly string[],
  { headers, body }: Delivery,
  now: number,
): string | undefined {
  const signature = signatureIn(headerOf(headers, 'x-webhook-signature'));
  const time = headerOf(headers, 'x-webhook-timestamp');
  if (signature === undefined || time === undefined)
    return 'no usable X-Webhook-Signature and X-Webhook-Timestamp';
  const stale = timeFault(time, now);
  if (stale) return stale;
  return secrets.some((secret) => fits([signature], hmac(secret, body))) ? undefined : 'no signature fits';
}

function signatureIn(header: string | undefined): string | undefined {
  return header !== undefined && header.length <= MAX_SIGNATURE_CHARS ? header : undefined;
}

function timeFault(seconds: string, now: number): string | undefined {
  if (!/^\d{1,12}$/.test(seconds)) return 'the time is not a whole number of seconds';
  const ageS = now / 1_000 - Number(seconds);
  if (ageS > TOLERANCE_S) return 'it was signed more than 5 minutes ago';
  if (ageS < -TOLERANCE_S) return 'it was signed more than 5 minutes in the future';
  return undefined;
}

function hmac(secret: string, body: Uint8Array): Buffer {
  return createHmac('sha256', secret).update(body).digest();
}

function fits(hexSignatures: readonly string[], expected: Buffer): boolean {
  return hexSignatures.slice(0, MAX_SIGNATURES).some((hex) => {
    if (!/^[0-9a-f]{64}$/i.test(hex)) return false;
    return timingSafeEqual(Buffer.from(hex, 'hex'), expected);
  });
}

function textOf(body: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body);
  } catch {
    return undefined;
  }
}
