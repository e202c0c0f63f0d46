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
  const json = JSON.stringify(value);
  // JSON escapes half of a surrogate pair, and nothing else like this
  if (json.includes('\\ud')) check(value, what, '', []);
  return json;
}

/** To here, the quick way may recurse. */
const QUICK_DEPTH = 50;
/** Deeper than any data that is meant so. */
const MAX_DEPTH = 500;

/** The quick way: true only of what `check` has no objection to. What goes deep, circles too, is left to `check`. */
function isPlain(value: unknown, depth: number): boolean {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return true;
    case 'number':
      return Number.isFinite(value) && (value !== 0 || 1 / value > 0);
    case 'object':
      return value === null || (depth < QUICK_DEPTH && hasPlainMembers(value, depth + 1));
    default:
      return false;
  }
}

function hasPlainMembers(value: object, depth: number): boolean {
  if (Array.isArray(value)) {
    if (Object.keys(value).length !== value.length) return false;
    // unlike `every`, this comes to holes too
    for (const item of value) if (!isPlain(item, depth)) return false;
    return true;
  }
  if (Object.getPrototypeOf(value) !== Object.prototype) return false;
  if (Object.getOwnPropertySymbols(value).length > 0) return false;
  return Object.values(value).every((member) => member === undefined || isPlain(member, depth));
}

function check(value: unknown, what: string, path: string, above: readonly object[]): void {
  switch (typeof value) {
    case 'string':
      if (value.isWellFormed()) return;
      throw new NotJsonError(what, path, 'a string with half of a surrogate pair');
    case 'boolean':
      return;
    case 'number':
      if (Number.isFinite(value) && !Object.is(value, -0)) return;
      throw new NotJsonError(what, path, Object.is(value, -0) ? '-0' : String(value));
    case 'object':
      if (value !== null) checkObject(value, what, path, above);
      return;
    default:
      throw new NotJsonError(what, path, `a ${typeof value}`);
  }
}

function checkObject(value: object, what: string, path: string, above: readonly object[]): void {
  if (above.includes(value)) throw new NotJsonError(what, path, 'a reference to something that contains it');
  if (above.length >= MAX_DEPTH)
    throw new NotJsonError(what, shortened(path), `nested more than ${MAX_DEPTH} levels deep`);
  const within = [...above, value];
  if (Array.isArray(value)) {
    checkArray(value, what, path, within);
    return;
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) {
    throw new NotJsonError(what, path, `a ${value.constructor?.name || 'class instance'}`);
  }
  if (Object.getOwnPropertySymbols(value).length > 0)
    throw new NotJsonError(what, path, 'an object with symbol members');
  for (const [name, member] of Object.entries(value)) {
    const place = path ? `${path}.${name}` : name;
    if (!name.isWellFormed())
      throw new NotJsonError(what, place, 'a member whose name has half of a surrogate pair');
    if (member !== undefined) check(member, what, place, within);
  }
}

function checkArray(value: readonly unknown[], what: string, path: string, within: readonly object[]): void {
  for (let index = 0; index < value.length; index += 1) {
    const place = `${path}[${index}]`;
    if (!(index in value)) throw new NotJsonError(what, place, 'a hole in an array');
    check(value[index], what, place, within);
  }
  const extra = Object.keys(value)[value.length];
  if (extra !== undefined)
    throw new NotJsonError(what, path ? `${path}.${extra}` : extra, 'a member of an array beside its items');
}

function shortened(path: string): string {
  return path.length <= 100 ? path : `${path.slice(0, 100)}…`;
}
