import { prefixOf } from './settings.ts';

/** First words whose variables exist already. */
const TAKEN: ReadonlySet<string> = new Set([
  ...['redis', 'api', 'dashboard', 'sandbox', 'smtp', 'webhook'],
  ...['public', 'tenant', 'dev', 'alert', 'worker'],
]);

/** @throws TypeError for a name that cannot be one, or that would read variables that mean something else */
export function checkName(name: unknown): asserts name is string {
  if (typeof name !== 'string' || !/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(name) || name.length > 50) {
    throw new TypeError(
      `${JSON.stringify(name)} cannot be a provider's name; use lower-case letters, digits and dashes, such as "slack"`,
    );
  }
  const [first = ''] = name.split('-');
  if (TAKEN.has(first)) {
    throw new TypeError(
      `"${name}" cannot be a provider's name: variables that begin with ${prefixOf(first)}_ exist already; choose another first word`,
    );
  }
}
