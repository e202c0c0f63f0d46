import { type Json, redactShapes } from '@holdfast/engine';

const MASK = '[redacted]';

/** What a member is called that holds a secret, or says who or where a person is. */
const PRIVATE =
  /pass(word|phrase)|secret|token|authori[sz]ation|credential|api_?key|private|signature|cookie|^(payment_?method|card|cvc|cvv|iban|bic|pan|account(_?number)?)|e-?mail|phone|^name$|(first|last|full)_?name|^(line|address|street)|post(al)?_?code|^zip|birth|^ip$|^(auth|otp|pin|ssn|tax_?id)$/i;

/**
 * A payload as it may be looked at: its shape, numbers and ids stay; secrets and what tells a person do not. What a private name holds is
 * masked whole, and what looks like a mail address, a card number or a credential wherever it stands.
 */
export function redactPayload(value: Json): Json {
  if (typeof value === 'string') return redactShapes(value);
  if (Array.isArray(value)) return value.map(redactPayload);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [
      redactShapes(name),
      PRIVATE.test(name) && member !== null ? MASK : redactPayload(member),
    ]),
  );
}
