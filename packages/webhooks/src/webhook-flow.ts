import {
  CORRELATED,
  defineFlow,
  type Flow,
  type FlowContext,
  type Json,
  type Reference,
  RejectedError,
} from '@holdfast/engine';
import { z } from 'zod';
import type { Action, SignalTo } from './actions.ts';
import type { WebhookEvent } from './event.ts';
import type { Mapping, OrderedMapping, Sources } from './sources.ts';

/** The name of the flow by which events are handled: Holdfast's own, so no flow of a project can have it. */
export const WEBHOOK_FLOW = 'webhook';

const Event = z.strictObject({
  id: z.string(),
  source: z.string(),
  type: z.string(),
  receivedAt: z.string(),
  headers: z.record(z.string(), z.string()),
  body: z.record(z.string(), z.json()),
});

/** Whose it is, and the event. */
export const WebhookInput = z.strictObject({ tenant: z.string(), event: Event });

/** What became of an event. */
export const WebhookOutput = z.strictObject({
  status: z.enum(['processed', 'ignored', 'skipped']),
  /** The run that it was given to. */
  runId: z.string().optional(),
});
export type WebhookOutput = z.infer<typeof WebhookOutput>;

export const webhookContract = {
  name: WEBHOOK_FLOW,
  version: 1,
  input: WebhookInput,
  output: WebhookOutput,
} as const;

/** What handling an event needs of the system around it. */
export interface WebhookPorts {
  /** @returns the run's id; the same key again is the same run. @throws RejectedError when the run cannot be submitted */
  submit(tenant: string, flow: string, input: Json, key: string): Promise<string>;
  /** The same id again changes nothing. @returns `unknown` when there is no such run; `late` when it has ended */
  signal(
    tenant: string,
    runId: string,
    signal: { readonly id: string; readonly name: string; readonly payload: Json },
  ): Promise<'delivered' | 'late' | 'unknown'>;
  /**
   * The run that registered a reference.
   * @param waiter a run that gets the signal `correlated` once somebody registers it, if nobody has
   */
  correlatedRun(tenant: string, reference: Reference, waiter: string): Promise<string | undefined>;
  /** Notes when something happened to a subject. @returns false when something later was noted before */
  isLatest(tenant: string, source: string, subject: string, time: number): Promise<boolean>;
  /** Lets people hear of a mapping that threw. */
  mappingFailed(event: WebhookEvent, error: unknown): void;
}

/** How long an event is kept for a run that is not there yet. */
const KEPT_MS = 24 * 60 * 60 * 1_000;
const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 15 * 60 * 1_000;
/** Whoever registers a reference tells those that wait for it; this is for what can go wrong with that. */
const LOOK_AGAIN_MS = 60 * 60 * 1_000;

/** Handles one event, as the project's config says: once, whatever crashes, and however often its sender repeats it. */
export function webhookFlow(sources: Sources, ports: WebhookPorts): Flow {
  return defineFlow({
    ...webhookContract,
    async run(ctx, { tenant, event }): Promise<WebhookOutput> {
      const mapping = mappingOf(sources, event);
      if (!mapping) return { status: 'ignored' };
      const ordered = typeof mapping === 'function' ? undefined : mapping;
      const act = typeof mapping === 'function' ? mapping : mapping.do;
      if (ordered?.order === 'latest' && !(await isLatest(ctx, ports, tenant, ordered, event)))
        return { status: 'skipped' };
      const action = asked(ports, event, () => checked(act(event)));
      switch (action.kind) {
        case 'ignore':
          return { status: 'ignored' };
        case 'submit':
          return { status: 'processed', runId: await submitRun(ctx, ports, tenant, event, action) };
        case 'signal':
          return 'run' in action.to
            ? signalRun(ctx, ports, tenant, event, { ...action, run: action.to.run })
            : signalCorrelated(ctx, ports, tenant, event, { ...action, reference: action.to.correlation });
      }
    },
  });
}

/** Names come from outside: those that every object has are none of the config's. */
function mappingOf(sources: Sources, { source, type }: WebhookEvent): Mapping | OrderedMapping | undefined {
  const on = Object.hasOwn(sources, source) ? sources[source]?.on : undefined;
  return on && Object.hasOwn(on, type) ? on[type] : undefined;
}

function isLatest(
  ctx: FlowContext,
  ports: WebhookPorts,
  tenant: string,
  { subject, time }: OrderedMapping,
  event: WebhookEvent,
): Promise<boolean> {
  const about = asked(ports, event, () => ({ subject: String(subject(event)), time: Number(time(event)) }));
  return ctx.step('order', {
    run: () => ports.isLatest(tenant, event.source, about.subject, about.time),
    whenInDoubt: 'repeat',
  });
}

function submitRun(
  ctx: FlowContext,
  ports: WebhookPorts,
  tenant: string,
  { source, id }: WebhookEvent,
  { flow, input, key = `${source}:${id}` }: Extract<Action, { kind: 'submit' }>,
): Promise<string> {
  return ctx.step('submit', { run: () => ports.submit(tenant, flow, input, key), whenInDoubt: 'repeat' });
}

async function signalRun(
  ctx: FlowContext,
  ports: WebhookPorts,
  tenant: string,
  event: WebhookEvent,
  { run: runId, ...sent }: { readonly run: string; readonly name: string; readonly payload: Json },
): Promise<WebhookOutput> {
  const until = Date.parse(event.receivedAt) + KEPT_MS;
  const signal = signalOf(event, sent);
  for (let n = 1; ; n += 1) {
    const outcome = await ctx.step(`signal-${n}`, {
      run: () => ports.signal(tenant, runId, signal),
      whenInDoubt: 'repeat',
    });
    if (outcome === 'delivered') return { status: 'processed', runId };
    if (outcome === 'late' || ctx.now() >= until) return { status: 'ignored', runId };
    await ctx.sleep(Math.min(FIRST_WAIT_MS * 2 ** (n - 1), LONGEST_WAIT_MS));
  }
}

/** As long as nobody has registered the reference, the event waits to be told that somebody has. */
async function signalCorrelated(
  ctx: FlowContext,
  ports: WebhookPorts,
  tenant: string,
  event: WebhookEvent,
  { reference, ...sent }: { readonly reference: Reference; readonly name: string; readonly payload: Json },
): Promise<WebhookOutput> {
  const until = Date.parse(event.receivedAt) + KEPT_MS;
  const signal = signalOf(event, sent);
  for (let n = 1; ; n += 1) {
    const runId = await ctx.step(`find-${n}`, {
      run: async () => (await ports.correlatedRun(tenant, reference, ctx.runId)) ?? null,
      whenInDoubt: 'repeat',
    });
    const outcome =
      runId === null
        ? 'unknown'
        : await ctx.step(`signal-${n}`, {
            run: () => ports.signal(tenant, runId, signal),
            whenInDoubt: 'repeat',
          });
    const to = runId === null ? {} : { runId };
    if (outcome === 'delivered') return { status: 'processed', ...to };
    if (outcome === 'late' || ctx.now() >= until) return { status: 'ignored', ...to };
    await registered(ctx, Math.min(LOOK_AGAIN_MS, until - ctx.now()));
  }
}

/** Until somebody registers the reference, or it is time to look. */
async function registered(ctx: FlowContext, timeoutMs: number): Promise<void> {
  try {
    await ctx.waitFor(CORRELATED, { timeout: timeoutMs });
  } catch (error) {
    if (!(error instanceof RejectedError) || error.code !== 'signal_timeout') throw error;
  }
}

function signalOf(event: WebhookEvent, { name, payload }: { readonly name: string; readonly payload: Json }) {
  return { id: `${event.source}.${event.id}`.replaceAll(/[^A-Za-z0-9_.:-]/g, '-'), name, payload };
}

function checked(action: Action): Action {
  if (action?.kind === 'signal' && !hasTarget(action.to))
    throw new TypeError('signal(…) must be for { run } or { correlation: [kind, id] }');
  if (['submit', 'signal', 'ignore'].includes(action?.kind)) return action;
  throw new TypeError('a mapping must return submit(…), signal(…) or ignore()');
}

function hasTarget(to: SignalTo): boolean {
  if ('run' in to) return typeof to.run === 'string';
  return (
    Array.isArray(to.correlation) &&
    to.correlation.length === 2 &&
    to.correlation.every((part) => typeof part === 'string')
  );
}

function asked<T>(ports: WebhookPorts, event: WebhookEvent, map: () => T): T {
  try {
    return map();
  } catch (error) {
    ports.mappingFailed(event, error);
    const message = error instanceof Error ? error.message : String(error);
    throw new RejectedError({
      code: 'webhook_mapping_failed',
      message: `the mapping of ${event.source} ${event.type} threw: ${message}`,
    });
  }
}
