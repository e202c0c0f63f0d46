import type {
  CancelOutcome,
  Client,
  Log,
  PauseOf,
  RedriveOutcome,
  Resolution,
  ResolveReply,
  Signal,
  SignalOutcome,
  SubmitReply,
  SubmitRequest,
} from '@holdfast/engine';
import { isTerminal } from '@holdfast/engine';
import type { Cluster, Redis } from 'ioredis';
import { raiseAlert } from './alerts/alerts.ts';
import {
  type Actor,
  type AuditedChange,
  type AuditLog,
  type AuditPage,
  type AuditQuery,
  createAuditLog,
  type SecurityAction,
} from './audit-log.ts';
import type { BulkEnd } from './bulk.ts';
import { type BulkProgress, type BulkRedrive, type BulkResult, bulkRedrive } from './bulk-redrive.ts';
import { type BulkSteerOrder, bulkCancel, bulkRerun } from './bulk-steer.ts';
import { statusAfter } from './status-after.ts';

/**
 * What an operator does with runs: the engine's own actions, each with an entry in the audit log. Outcomes are the Client's; undefined
 * when the tenant has no such run, which leaves no entry, as what changes nothing does.
 */
export interface Operations {
  redrive(actor: Actor, tenant: string, runId: string): Promise<RedriveOutcome | undefined>;
  cancel(actor: Actor, tenant: string, runId: string): Promise<CancelOutcome | undefined>;
  rerun(actor: Actor, tenant: string, runId: string): Promise<'rerun' | 'not_finished' | 'drawn' | undefined>;
  /**
   * Submits the run's flow again under another key with another input: a run of its own. The one that is given is left as it is; its audit log
   * names the new one.
   * @param again.fingerprint as for any submission
   * @throws what a submission throws
   */
  rerunEdited(
    actor: Actor,
    tenant: string,
    runId: string,
    again: Pick<SubmitRequest, 'input' | 'idempotencyKey' | 'fingerprint'>,
  ): Promise<SubmitReply | { readonly outcome: 'not_finished' } | undefined>;
  resolve(
    actor: Actor,
    tenant: string,
    runId: string,
    resolution: Resolution,
  ): Promise<ResolveReply | undefined>;
  signal(actor: Actor, tenant: string, runId: string, signal: Signal): Promise<SignalOutcome | undefined>;
  /**
   * Redrives a tenant's dead runs, the last to die first, each once however many do so at the same time. Runs that die meanwhile are not
   * taken up. Each redrive has an entry of its own, and the whole has one at its end; a dry run has none.
   * @param signal stops it between two runs; what was redriven stays so
   */
  bulkRedrive(
    actor: Actor,
    tenant: string,
    which: BulkRedrive,
    onProgress?: (progress: BulkProgress) => void,
    signal?: AbortSignal,
  ): Promise<BulkResult>;
  /**
   * Cancels a tenant's runs that fit, the newest first, each with an entry of its own; the whole has one at its end, a dry run has none.
   * @param order.signal stops it between two runs; what was cancelled stays so
   */
  bulkCancel(order: BulkSteerOrder): Promise<BulkEnd>;
  /** Starts a tenant's terminal runs that fit afresh, in the same way. What draws upon another run, or is drawn upon, is skipped. */
  bulkRerun(order: BulkSteerOrder): Promise<BulkEnd>;
  /**
   * Does what opens a provider again, with an entry in the log of what concerns all tenants (`SYSTEM`).
   * @param open undefined when there is no such provider, which leaves no entry
   */
  reopenProvider<T>(
    actor: Actor,
    provider: string,
    open: () => Promise<T | undefined>,
  ): Promise<T | undefined>;
  /**
   * Keeps runs that have not begun from beginning. What concerns all tenants stands in the log of the system (`SYSTEM`). One that is
   * paused already leaves no entry.
   */
  pause(actor: Actor, of: PauseOf): Promise<'paused' | 'paused_already'>;
  resume(actor: Actor, of: PauseOf): Promise<'resumed' | 'not_paused'>;
  /**
   * Changes something that has a name, with an entry in the tenant's log: of the name, and not of what it is now.
   * @param change undefined when nothing was changed, which leaves no entry
   */
  changeNamed<T extends { readonly outcome: string }>(
    actor: Actor,
    tenant: string,
    action: AuditedChange,
    name: string,
    change: () => Promise<T | undefined>,
  ): Promise<T | undefined>;
  /**
   * Writes down that somebody logged in, out, or was locked out, in a log of its own (`SECURITY`). Of lockouts the workers tell people as
   * well, where alerts are set up.
   */
  noteSecurity(actor: Actor, action: SecurityAction, detail: { readonly address: string }): Promise<void>;
  audit(tenant: string, query?: AuditQuery): Promise<AuditPage>;
}

/** In the place of a tenant: what concerns all of them. No tenant can be called so. */
export const SYSTEM = '*';

/** The same for who logged in: nothing else is buried under it. */
export const SECURITY = '*security';

export interface OperationsOptions {
  readonly client: Client;
  /** The client's. */
  readonly connection: Redis | Cluster;
  readonly log: Log;
}

export function createOperations({ client, connection, log }: OperationsOptions): Operations {
  const audit = createAuditLog({ connection, log });

  return {
    redrive: (actor, tenant, runId) =>
      onRun(client, audit, { actor, tenant, runId, action: 'redrive' }, () => client.redrive(tenant, runId)),

    cancel: (actor, tenant, runId) =>
      onRun(client, audit, { actor, tenant, runId, action: 'cancel' }, () => client.cancel(tenant, runId)),

    rerun: (actor, tenant, runId) =>
      onRun(client, audit, { actor, tenant, runId, action: 'rerun' }, () => client.rerun(tenant, runId)),

    async rerunEdited(actor, tenant, runId, again) {
      const run = await client.getRun(tenant, runId, { input: false });
      if (!run) return undefined;
      if (!isTerminal(run.status)) return { outcome: 'not_finished' };
      const action = { action: 'rerun', tenant, runId, before: run.status } as const;
      return audit.around(
        actor,
        action,
        () => client.submit({ ...again, flow: run.flow, tenant, ...(run.tags && { tags: run.tags }) }),
        (reply) =>
          reply.outcome === 'created'
            ? { outcome: 'rerun_edited', after: run.status, detail: { newRun: reply.run.id } }
            : undefined,
      );
    },

    async resolve(actor, tenant, runId, resolution) {
      // the result is the run's business: the log is read by more people
      const { step, outcome } = resolution;
      const action = { actor, tenant, runId, action: 'resolve', detail: { step, outcome } } as const;
      let reply: ResolveReply | undefined;
      await onRun(client, audit, action, async () => {
        reply = await client.resolve(tenant, runId, resolution);
        return reply?.outcome;
      });
      return reply;
    },

    signal(actor, tenant, runId, signal) {
      const detail = { name: signal.name, id: signal.id };
      return onRun(client, audit, { actor, tenant, runId, action: 'signal', detail }, () =>
        client.signal(tenant, runId, signal),
      );
    },

    bulkRedrive: (actor, tenant, which, onProgress, signal) =>
      bulkRedrive({ client, audit }, { actor, tenant, which, onProgress, signal }),

    bulkCancel: (order) => bulkCancel({ client, audit }, order),
    bulkRerun: (order) => bulkRerun({ client, audit }, order),

    reopenProvider: (actor, provider, open) => reopenAudited(audit, actor, provider, open),

    pause: (actor, of) =>
      onPause(audit, actor, { action: 'pause', of, counts: 'paused' }, () => client.pause(of, actor.name)),

    resume: (actor, of) =>
      onPause(audit, actor, { action: 'resume', of, counts: 'resumed' }, () => client.resume(of)),

    changeNamed: (actor, tenant, action, name, change) =>
      audit.around(actor, { action, tenant, detail: { name } }, change, (done) =>
        done === undefined ? undefined : { outcome: done.outcome },
      ),

    async noteSecurity(actor, action, detail) {
      await audit.around(
        actor,
        { action, tenant: SECURITY, detail },
        async () => {},
        () => ({ outcome: 'noted' }),
      );
      if (action === 'lock_out')
        await raiseAlert(
          { connection, log },
          { kind: 'locked_out', user: actor.name, address: detail.address },
        );
    },

    audit: (tenant, query) => audit.list(tenant, query),
  };
}

/** For who has no client: the CLI, at Redis itself. */
export function reopenAudited<T>(
  audit: AuditLog,
  actor: Actor,
  provider: string,
  open: () => Promise<T | undefined>,
): Promise<T | undefined> {
  const action = { action: 'reopen_provider', tenant: SYSTEM, detail: { provider } } as const;
  return audit.around(actor, action, open, (opened) =>
    opened === undefined ? undefined : { outcome: 'reopened' },
  );
}

/** @param counts the one outcome that changed something */
function onPause<T extends string>(
  audit: AuditLog,
  actor: Actor,
  {
    action,
    of,
    counts,
  }: { readonly action: 'pause' | 'resume'; readonly of: PauseOf; readonly counts: NoInfer<T> },
  act: () => Promise<T>,
): Promise<T> {
  const detail = of.flow === undefined ? { flows: 'all' } : { flow: of.flow };
  return audit.around(actor, { action, tenant: of.tenant ?? SYSTEM, detail }, act, (outcome) =>
    outcome === counts ? { outcome } : undefined,
  );
}

interface RunAction {
  readonly actor: Actor;
  readonly tenant: string;
  readonly runId: string;
  readonly action: 'redrive' | 'cancel' | 'rerun' | 'resolve' | 'signal';
  readonly detail?: { readonly [member: string]: string };
}

/** Of all other outcomes nothing came: they leave no entry, so that nobody can bury what was done under them. */
const DONE: ReadonlySet<string> = new Set(['redriven', 'cancelling', 'rerun', 'resolved', 'delivered']);

async function onRun<T extends string>(
  client: Client,
  audit: AuditLog,
  { actor, ...action }: RunAction,
  act: () => Promise<T | undefined>,
): Promise<T | undefined> {
  const { tenant, runId } = action;
  const before = await client.getRun(tenant, runId, { input: false });
  if (!before) return undefined;
  return audit.around(actor, { ...action, before: before.status }, act, async (outcome) =>
    outcome === undefined || !DONE.has(outcome)
      ? undefined
      : { outcome, ...(await statusAfter(client, before)) },
  );
}
