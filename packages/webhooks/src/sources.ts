import { ConfigError, fromFiles } from '@holdfast/app-kit';
import type { Action } from './actions.ts';
import type { WebhookEvent } from './event.ts';
import { SCHEMES, type Scheme } from './schemes.ts';

/** What becomes of an event. It must depend on the event alone: it is asked again after a crash. */
export type Mapping = (event: WebhookEvent) => Action;

export interface OrderedMapping {
  /** `latest`: an event that is older than one already handled about the same subject is recorded and skipped. */
  readonly order: 'latest' | 'any';
  /** What the event is about, such as the id of a payment. */
  readonly subject: (event: WebhookEvent) => string;
  /** When it happened, in whatever unit the sender counts. */
  readonly time: (event: WebhookEvent) => number;
  readonly do: Mapping;
}

/** Somebody who sends webhooks to `POST /v1/webhooks/{source}`. */
export interface Source {
  readonly scheme: Scheme;
  /** Any of them signs; default: those of `HOLDFAST_WEBHOOK_<SOURCE>`, which replace these where it is set. */
  readonly secrets?: readonly string[];
  /** Whose runs its events are. Default: the tenant of `HOLDFAST_DEV_KEY`; without one it must be named. */
  readonly tenant?: string;
  /** By the event's type. Events of other types are kept and ignored. */
  readonly on?: Readonly<Record<string, Mapping | OrderedMapping>>;
}

export type Sources = Readonly<Record<string, Source>>;

/** A source with all that it needs. */
export interface KnownSource {
  readonly name: string;
  readonly scheme: Scheme;
  readonly secrets: readonly string[];
  readonly tenant: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

const PREFIX = 'HOLDFAST_WEBHOOK_';
const NAME = /^[a-z][a-z0-9-]{0,62}$/;

/** @throws TypeError saying what does not fit, and how to fix it */
export function checkSources(sources: Sources): void {
  for (const [name, source] of Object.entries(sources)) {
    if (!NAME.test(name) || name === 'allow')
      throw new TypeError(
        `\`webhooks\`: the source ${JSON.stringify(name)} needs another name: lower-case letters, digits and "-", and not "allow"`,
      );
    if (typeof source !== 'object' || source === null || !SCHEMES.includes(source.scheme))
      throw new TypeError(`\`webhooks.${name}.scheme\` must be one of ${SCHEMES.join(', ')}`);
    for (const [type, mapping] of Object.entries(source.on ?? {}))
      checkMapping(`webhooks.${name}.on['${type}']`, mapping);
  }
}

function checkMapping(where: string, mapping: Mapping | OrderedMapping): void {
  if (typeof mapping === 'function') return;
  const { order, subject, time, do: act } = mapping;
  const fits = [subject, time, act].every((each) => typeof each === 'function');
  if (!fits || (order !== 'latest' && order !== 'any'))
    throw new TypeError(
      `\`${where}\` must be a function of the event, or { order: 'latest' | 'any', subject, time, do }`,
    );
}

/** Names of the sources that the config or the environment has. */
export function sourceNames(sources: Sources = {}, env: Environment = process.env): string[] {
  return [...new Set([...Object.keys(sources), ...fromEnvironment(env).keys()])];
}

export interface ReadSources {
  /** Those from which webhooks are taken, by name. */
  readonly known: ReadonlyMap<string, KnownSource>;
  /** Why nothing is taken from the others, which the config names. */
  readonly lacking: readonly string[];
}

/**
 * Every source, with its secrets: those of the environment in place of the config's.
 * @throws ConfigError for variables that cannot be used
 */
export function readSources(sources: Sources = {}, env: Environment = process.env): ReadSources {
  const given = fromEnvironment(env);
  const faults: { variable: string; message: string }[] = [];
  const lacking: string[] = [];
  const known = new Map<string, KnownSource>();
  for (const name of sourceNames(sources, env)) {
    const variable = variableOf(name);
    const value = given.get(name);
    const configured = sources[name];
    const read = value === undefined ? undefined : schemeAndSecrets(value);
    const { scheme, secrets = [] } = { ...read, ...configured, ...(read && { secrets: read.secrets }) };
    const tenant = configured?.tenant ?? (env.HOLDFAST_DEV_KEY ? 'dev' : undefined);
    const fault = faultIn(name, value, configured, scheme, secrets);
    if (fault !== undefined) faults.push({ variable, message: fault });
    else if (secrets.length === 0 || !scheme)
      lacking.push(`the source "${name}" has no secret; set ${variable} to <scheme>:<secret>`);
    else if (tenant === undefined)
      lacking.push(
        `the source "${name}" is of no tenant; name it in the config, webhooks: { '${name}': { tenant } }`,
      );
    else known.set(name, { name, scheme, secrets, tenant });
  }
  if (faults.length > 0) throw new ConfigError(faults);
  return { known, lacking };
}

function faultIn(
  name: string,
  value: string | undefined,
  configured: Source | undefined,
  scheme: Scheme | undefined,
  secrets: readonly string[],
): string | undefined {
  if (!NAME.test(name)) return 'names a source that cannot be: use letters, digits and "_"';
  const read = value === undefined ? undefined : schemeAndSecrets(value);
  if (value !== undefined && !read)
    return `expected <scheme>:<secret>[,<secret>…] with one of the schemes ${SCHEMES.join(', ')}; its value is not shown`;
  if (read && configured && read.scheme !== configured.scheme)
    return `has the scheme ${read.scheme}, but the config says ${configured.scheme}`;
  if (scheme === 'standard' && !secrets.every(isStandardSecret))
    return 'expected secrets such as whsec_ and the base64 of 24 to 64 bytes; its value is not shown';
  return undefined;
}

/** Of variables, and of files that hold what they would. */
function fromEnvironment(environment: Environment): Map<string, string> {
  const names = Object.keys(environment)
    .filter((variable) => variable.startsWith(PREFIX))
    .map((variable) => variable.replace(/_FILE$/, ''));
  const env = fromFiles(environment, [...new Set(names)]);
  const found = Object.entries(env).flatMap(([variable, value]) =>
    variable.startsWith(PREFIX) && value ? [[sourceOf(variable), value] as const] : [],
  );
  return new Map(found.filter(([name]) => name !== 'allow'));
}

function sourceOf(variable: string): string {
  return variable.slice(PREFIX.length).toLowerCase().replaceAll('_', '-');
}

function variableOf(source: string): string {
  return PREFIX + source.toUpperCase().replaceAll('-', '_');
}

function schemeAndSecrets(text: string): { scheme: Scheme; secrets: string[] } | undefined {
  const at = text.indexOf(':');
  const scheme = SCHEMES.find((each) => each === text.slice(0, at));
  const secrets = text
    .slice(at + 1)
    .split(',')
    .map((secret) => secret.trim())
    .filter((secret) => secret !== '');
  return scheme && secrets.length > 0 ? { scheme, secrets } : undefined;
}

function isStandardSecret(secret: string): boolean {
  const bytes = Buffer.from(secret.replace(/^whsec_/, ''), 'base64').length;
  return bytes >= 24 && bytes <= 64;
}
