import type { Json } from '@holdfast/engine';

const MASK = '[redacted]';

/** What a member is called that holds a secret, or says who or where a person is. */
const PRIVATE =
  /pass(word|phrase)|secret|token|authorization|credential|api_?key|private|signature|cookie|^(payment_?method|card|cvc|cvv|iban|bic|pan|account(_?number)?)|e-?mail|phone|^name$|(first|last|full)_?name|^(line|address|street)|post(al)?_?code|^zip|birth|^ip$/i;

/** A payload as it may be looked at: its shape, numbers and ids stay; secrets and what tells a person do not. */
export function redactPayload(value: Json): Json {
  if (Array.isArray(value)) return value.map(redactPayload);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [
      name,
      PRIVATE.test(name) && member !== null && typeof member !== 'object' ? MASK : redactPayload(member),
    ]),
  );
}
