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
