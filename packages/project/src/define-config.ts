import {
  type Classify,
  type Flow,
  type FlowContract,
  type NewSchedule,
  type PayloadCodec,
  scheduleFaults,
} from '@holdfast/engine';
import { checkEvents, type EventsOfFlows } from '@holdfast/outgoing/flow-events';
import { checkSources, type Sources, WEBHOOK_FLOW } from '@holdfast/webhooks';
import { z } from 'zod';
import type { Authenticate } from './authenticate.ts';
import type { Provider } from './provider.ts';
import type { Routes } from './routes.ts';

/** What a system runs. */
export interface HoldfastConfig {
  /** Every version that a run may still be at; new runs begin with the highest. */
  readonly flows: readonly Flow[];
  /** Whom the flows call. Default: nobody that is configured by the environment. */
  readonly providers?: readonly Provider[];
  /** Default: none; every flow is at `POST /v1/flows/{flow}/runs` anyway. */
  readonly routes?: readonly Routes[];
  /** Says what an error that a step threw means, before Holdfast's own table is asked (docs/thrown-errors.md). Default: none. */
  readonly classify?: Classify;
  /**
   * Encodes inputs, results, outputs, payloads of signals and details of errors before they are kept, such as `aesGcm()` (docs/encryption.md).
   * Default: they are kept as they are.
   */
  readonly codec?: PayloadCodec;
  /** Who sends webhooks to `POST /v1/webhooks/{source}`, by the source's name, and what becomes of them. Default: nobody. */
  readonly webhooks?: Sources;
  /** Runs that are submitted when their time comes (docs/schedules.md). Default: none. */
  readonly schedules?: readonly ConfigSchedule[];
  /** What the ends of a flow's runs mean to subscribers of webhooks, by the flow's name. Default: `run.completed` and its like. */
  readonly events?: EventsOfFlows;
  /** Says whom a request to the API comes from. Default: Holdfast's own API keys. */
  readonly authenticate?: Authenticate;
}

/** A schedule that is in the config, and there as long as it is. */
export type ConfigSchedule = NewSchedule & {
  /** Whose runs they are. Default: the tenant of `HOLDFAST_DEV_KEY`; without one it must be named. */
  readonly tenant?: string;
};

/** Names of flows that a project's own cannot have. */
const OWN_FLOWS: ReadonlySet<string> = new Set([WEBHOOK_FLOW, 'webhook-delivery', 'dead-letters']);

const MEMBERS = new Set([
  ...['flows', 'providers', 'routes', 'classify', 'codec', 'webhooks', 'schedules', 'events', 'authenticate'],
]);

/**
 * Says what a system runs; the default export of `holdfast.config.ts`.
 * @throws TypeError saying what does not fit, and how to fix it
 */
export function defineConfig<const C extends HoldfastConfig>(config: C): C {
  if (!isObject(config)) throw new TypeError('defineConfig takes an object, such as { flows: [hello] }');
  for (const member of Object.keys(config)) {
    if (!MEMBERS.has(member))
      throw new TypeError(`\`${member}\` is not known; a config has ${list(MEMBERS)}`);
  }
  if (!Array.isArray(config.flows) || config.flows.length === 0) {
    throw new TypeError('`flows` must name at least one flow, such as flows: [hello]');
  }
  checkFlows(config.flows);
  if (config.webhooks !== undefined) checkSources(config.webhooks);
  checkSchedules(config.schedules ?? [], config.flows);
  if (config.events !== undefined) checkEvents(config.events);
  checkProviders(config.providers ?? []);
  if (config.classify !== undefined && typeof config.classify !== 'function') {
    throw new TypeError('`classify` must be a function of the error that returns a failure or undefined');
  }
  if (config.codec !== undefined && !isCodec(config.codec)) {
    throw new TypeError('`codec` must have the functions `encode` and `decode`, as aesGcm() has');
  }
  if (config.authenticate !== undefined && typeof config.authenticate !== 'function') {
    throw new TypeError(
      '`authenticate` must be a function of the request that returns { tenant, scopes } or undefined',
    );
  }
  return config;
}

/** Of each flow the version that new runs begin with, in the order of the config. */
export function latestOf<F extends FlowContract>(flows: readonly F[]): F[] {
  const latest = new Map<string, F>();
  for (const flow of flows) {
    const known = latest.get(flow.name);
    if (!known || known.version < flow.version) latest.set(flow.name, flow);
  }
  return [...latest.values()];
}

function checkFlows(flows: readonly unknown[]): void {
  const seen = new Set<string>();
  flows.forEach((flow, at) => {
    if (!isFlow(flow)) {
      throw new TypeError(
        `\`flows[${at}]\` is no flow; export what defineFlow({ … }) returns, and name it here`,
      );
    }
    if (OWN_FLOWS.has(flow.name))
      throw new TypeError(
        `the flow "${flow.name}" needs another name: Holdfast has a flow of that name itself`,
      );
    const version = `${flow.name} v${flow.version}`;
    if (seen.has(version)) {
      throw new TypeError(
        `the flow "${flow.name}" is there twice with version ${flow.version}; raise one of the two`,
      );
    }
    seen.add(version);
    try {
      z.toJSONSchema(flow.input, { io: 'input' });
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new TypeError(`the input of the flow "${flow.name}" cannot be shown as JSON Schema: ${why}`);
    }
  });
}

function checkSchedules(schedules: readonly ConfigSchedule[], flows: readonly Flow[]): void {
  if (!Array.isArray(schedules)) throw new TypeError('`schedules` must be a list');
  const seen = new Set<string>();
  (schedules as readonly ConfigSchedule[]).forEach((schedule, at) => {
    const where = `schedules[${at}]`;
    if (!isObject(schedule) || typeof schedule.name !== 'string')
      throw new TypeError(`\`${where}\` must be an object with name, cron, flow and input`);
    const [fault] = scheduleFaults(schedule, flows);
    if (fault) throw new TypeError(`\`${where}.${fault.path}\`: ${fault.message}`);
    const whose = `${schedule.tenant ?? ''}/${schedule.name}`;
    if (seen.has(whose)) throw new TypeError(`the schedule "${schedule.name}" is there twice; rename one`);
    seen.add(whose);
  });
}

function checkProviders(providers: readonly unknown[]): void {
  const seen = new Set<string>();
  providers.forEach((provider, at) => {
    if (
      !isObject(provider) ||
      typeof provider.name !== 'string' ||
      typeof provider.configure !== 'function'
    ) {
      throw new TypeError(`\`providers[${at}]\` is no provider; name what defineProvider({ … }) returns`);
    }
    if (seen.has(provider.name)) throw new TypeError(`the provider "${provider.name}" is there twice`);
    seen.add(provider.name);
  });
  checkVariables(providers as readonly Provider[]);
}

/** `a` with its `_TLS_KEY`, and `a-tls` with its `_KEY`, would read the same variable. */
function checkVariables(providers: readonly Provider[]): void {
  const readers = new Map<string, string>();
  for (const { name, variables } of providers) {
    for (const variable of Object.keys(variables ?? {})) {
      const other = readers.get(variable);
      if (other !== undefined && variable !== 'HOLDFAST_PLAINTEXT_HOSTS')
        throw new TypeError(`the providers "${other}" and "${name}" both read ${variable}; rename one`);
      readers.set(variable, name);
    }
  }
}

function isFlow(value: unknown): value is Flow {
  if (!isObject(value)) return false;
  const { name, version, input, run } = value;
  return (
    typeof name === 'string' && typeof version === 'number' && isObject(input) && typeof run === 'function'
  );
}

function isCodec(value: unknown): value is PayloadCodec {
  return isObject(value) && typeof value.encode === 'function' && typeof value.decode === 'function';
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

function list(names: ReadonlySet<string>): string {
  return [...names].map((name) => `\`${name}\``).join(', ');
}
