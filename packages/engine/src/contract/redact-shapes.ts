const MASK = '[redacted]';

/** Bounded where a text without an end could be searched again from each of its places: others write what stands here. */
const SHAPES: readonly RegExp[] = [
  // mail addresses; the end of a host name begins with a letter, and a version (`name@1.2.3`) is none
  /[\p{L}\p{N}._%+-]{1,64}@(?:[\p{L}\p{N}-]{1,63}\.){1,10}\p{L}[\p{L}\p{N}-]{1,62}/gu,
  // keys by their prefixes: Stripe's, GitHub's, Slack's, AWS', Google's, SendGrid's, ours
  /\b(?:[spr]k_(?:live|test)|rk|whsec|hf|gh[opsur]|github_pat|xox[abeoprs]|AKIA|ASIA|AIza|ya29\.|SG\.)[\w.-]{8,}/g,
  // ids of callbacks: who has one can complete it
  /\bcb_[\w-]{64}/g,
  // JSON Web Tokens
  /(?<![\w-])eyJ[\w-]{5,}\.[\w-]+\.[\w-]*/g,
  /\b(?:Bearer|Basic)\s{1,10}[\w.~+/=-]{8,}/gi,
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
