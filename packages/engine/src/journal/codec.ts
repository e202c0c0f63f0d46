/** What JSON would drop or change without a word. */
export class NotJsonError extends TypeError {
  readonly code = 'not_json';
  constructor(what: string, path: string, problem: string) {
    super(
      `${what}${path ? ` at ${path}` : ''} is ${problem}, which JSON cannot carry; return plain data instead`,
    );
    this.name = 'NotJsonError';
  }
}

/**
 * JSON text that gives back exactly what went in; members that are undefined are left out, as JSON has it.
 * @param what names the value in the error, as in `the result of step "charge"`
 * @returns undefined for undefined
 * @throws NotJsonError naming the place of what JSON cannot carry
 */
export function encodeJson(value: unknown, what: string): string | undefined {
  if (value === undefined) return undefined;
  if (!isPlain(value, 0)) check(value, what, '', []);
  return JSON.stringify(value);
}

const MAX_DEPTH = 50;

/** The quick way: true only of what `check` has no objection to. What goes deep, circles too, is left to `check`. */
function isPlain(value: unknown, depth: number): boolean {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return true;
    case 'number':
      return Number.isFinite(value);
    case 'object':
      return value === null || (depth < MAX_DEPTH && hasPlainMembers(value, depth + 1));
    default:
      return false;
  }
}

function hasPlainMembers(value: object, depth: number): boolean {
  if (Array.isArray(value)) return value.every((item) => isPlain(item, depth));
  if (Object.getPrototypeOf(value) !== Object.prototype) return false;
  if (Object.getOwnPropertySymbols(value).length > 0) return false;
  return Object.values(value).every((member) => member === undefined || isPlain(member, depth));
}

function check(value: unknown, what: string, path: string, above: readonly object[]): void {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return;
    case 'number':
      if (Number.isFinite(value)) return;
      throw new NotJsonError(what, path, String(value));
    case 'object':
      if (value !== null) checkObject(value, what, path, above);
      return;
    default:
      throw new NotJsonError(what, path, `a ${typeof value}`);
  }
}

function checkObject(value: object, what: string, path: string, above: readonly object[]): void {
  if (above.includes(value)) throw new NotJsonError(what, path, 'a reference to something that contains it');
  const within = [...above, value];
  if (Array.isArray(value)) {
    value.forEach((item, index) => {
      check(item, what, `${path}[${index}]`, within);
    });
    return;
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) {
    throw new NotJsonError(what, path, `a ${value.constructor?.name || 'class instance'}`);
  }
  if (Object.getOwnPropertySymbols(value).length > 0)
    throw new NotJsonError(what, path, 'an object with symbol members');
  for (const [name, member] of Object.entries(value)) {
    if (member !== undefined) check(member, what, path ? `${path}.${name}` : name, within);
  }
}
