const MASK = '[redacted]';
/** Shorter values would blank out ordinary words. No credential is this short. */
const SHORTEST = 4;

/** @returns the text with every occurrence of a secret masked: as it is, percent-encoded, and in base64. */
export function redactText(text: string, secrets: readonly string[]): string {
  let clean = text;
  for (const form of secrets.flatMap(formsOf)) clean = clean.replaceAll(form, MASK);
  return clean;
}

/** The same for every string in a JSON value, names included. */
export function redactJson(value: unknown, secrets: readonly string[]): unknown {
  if (typeof value === 'string') return redactText(value, secrets);
  if (Array.isArray(value)) return value.map((item) => redactJson(item, secrets));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [redactText(name, secrets), redactJson(member, secrets)]),
  );
}

function formsOf(secret: string): readonly string[] {
  if (secret.length < SHORTEST) return [];
  const base64 = Buffer.from(secret).toString('base64');
  const forms = [secret, encodeURIComponent(secret), JSON.stringify(secret).slice(1, -1), base64];
  return [...new Set([...forms, base64.replace(/=+$/, ''), Buffer.from(secret).toString('base64url')])];
}

const SHAPES: readonly RegExp[] = [
  // mail addresses
  /[\p{L}\p{N}._%+-]+@[\p{L}\p{N}-]+(?:\.[\p{L}\p{N}-]+)+/gu,
  // keys by their prefixes: Stripe's, GitHub's, Slack's, AWS', Google's, SendGrid's, ours
  /\b(?:[spr]k_(?:live|test)|rk|whsec|hf|gh[opsur]|github_pat|xox[abeoprs]|AKIA|ASIA|AIza|ya29\.|SG\.)[\w.-]{8,}/g,
  // JSON Web Tokens
  /\beyJ[\w-]{5,}\.[\w-]+\.[\w-]*/g,
  /\b(?:Bearer|Basic)\s+[\w.~+/=-]{8,}/gi,
];
/** 13 to 19 digits, as cards write them. */
const DIGITS = /\b\d(?:[ -]?\d){12,18}\b/g;

/** Masks what looks like a mail address, a card number or a credential, whoever's it is. */
export function redactShapes(text: string): string {
  const clean = SHAPES.reduce((rest, shape) => rest.replace(shape, MASK), text);
  return clean.replace(DIGITS, (number) => (isCard(number.replace(/\D/g, '')) ? MASK : number));
}

/** Luhn's check digit. */
function isCard(digits: string): boolean {
  const sum = [...digits].reverse().reduce((total, digit, at) => {
    const doubled = Number(digit) * (at % 2 === 1 ? 2 : 1);
    return total + (doubled > 9 ? doubled - 9 : doubled);
  }, 0);
  return sum % 10 === 0;
}
