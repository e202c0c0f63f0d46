import { randomUUID } from 'node:crypto';
import {
  InvalidCursorError,
  type Json,
  type Log,
  orUnavailable,
  type RunStatus,
  StoreUnavailableError,
} from '@holdfast/engine';
import { runScript } from '@holdfast/redis';
import type { Cluster, Redis } from 'ioredis';
import { z } from 'zod';
import { keysOf } from './keys.ts';
import { loadScript } from './scripts.ts';

/** Who acts. */
export interface Actor {
  /** The name of an API key, or of a dashboard's user. */
  readonly name: string;
  readonly via: 'api' | 'dashboard' | 'cli';
  /** The id of the API key: names may be given twice. */
  readonly key?: string | undefined;
}

/** Of the dashboard's users. */
export const SECURITY_ACTIONS = ['log_in', 'log_out', 'lock_out'] as const;
export type SecurityAction = (typeof SECURITY_ACTIONS)[number];

/** Of what has a name: values of the state, schedules. */
export const AUDITED_CHANGES = [
  ...(['set_state', 'delete_state'] as const),
  ...(['create_schedule', 'change_schedule', 'delete_schedule'] as const),
  ...(['pause_schedule', 'resume_schedule', 'trigger_schedule'] as const),
] as const;

export type AuditedChange = (typeof AUDITED_CHANGES)[number];

export const AUDIT_ACTIONS = [
  ...(['redrive', 'cancel', 'rerun', 'resolve', 'signal'] as const),
  ...(['bulk_redrive', 'bulk_cancel', 'bulk_rerun'] as const),
  ...(['create_key', 'revoke_key', 'reopen_provider', 'pause', 'resume'] as const),
  ...AUDITED_CHANGES,
  ...SECURITY_ACTIONS,
  ...(['create_webhook_endpoint', 'change_webhook_endpoint', 'delete_webhook_endpoint'] as const),
  ...(['rotate_webhook_secret', 'test_webhook_endpoint'] as const),
  ...(['retry_webhook_delivery', 'replay_webhooks'] as const),
] as const;
export type AuditAction = (typeof AUDIT_ACTIONS)[number];

/** One thing that somebody did. */
export interface AuditEntry {
  readonly id: string;
  /** When it began, in Unix milliseconds on Redis' clock. */
  readonly at: number;
  readonly actor: string;
  /** The id of the actor's API key. */
  readonly actorKey?: string;
  readonly via: Actor['via'];
  readonly action: AuditAction;
  readonly tenant: string;
  readonly runId?: string;
  /** What came of it, in a word, as in `redriven` or `not_dead`; absent when the process died, or Redis went away, before it was known. */
  readonly outcome?: string;
  /** The run's status before and after. */
  readonly before?: RunStatus;
  readonly after?: RunStatus;
  readonly detail?: Json;
}

export type Action = Pick<AuditEntry, 'action' | 'tenant' | 'runId' | 'before' | 'detail'>;
export type Ending = Pick<AuditEntry, 'outcome' | 'after' | 'detail'>;

export interface AuditQuery {
  readonly runId?: string;
  /** Where the page before ended. */
  readonly cursor?: string;
  /** 1 to 200. Default 50. */
  readonly limit?: number;
}

export interface AuditPage {
  /** The newest first. */
  readonly data: readonly AuditEntry[];
  /** Absent on the last page. */
  readonly nextCursor?: string;
}

/** Append-only: entries are added and, once they are old enough, dropped at the far end; none is changed. */
export interface AuditLog {
  /**
   * Notes what is about to be done, does it, and writes one entry with what came of it. When the note cannot be written nothing is done.
   * An entry whose process died in between is written later by whoever reads the log, without an outcome.
   * @param ending of what was done; undefined when it came to nothing and needs no entry
   * @throws StoreUnavailableError, and whatever `act` throws
   */
  around<T>(
    actor: Actor,
    action: Action,
    act: () => Promise<T>,
    ending: (done: T) => Promise<Ending | undefined> | Ending | undefined,
  ): Promise<T>;
  list(tenant: string, query?: AuditQuery): Promise<AuditPage>;
}

/** By time and not by number, so that nobody can push an entry out with others (Redis drops them by the block). */
export const AUDIT_KEPT_MS = 400 * 24 * 60 * 60 * 1_000;
/** So long after the last action on it, a run's own entries are kept; the tenant's log has them besides. */
const RUN_LOG_KEPT_MS = 90 * 24 * 60 * 60 * 1_000;
/** An action that is still open after this long has lost its process. */
const LOST_AFTER_MS = 60_000;

const SCRIPTS = { open: loadScript('open-audit'), close: loadScript('close-audit') };

const Status = z.enum([
  ...(['pending', 'running', 'suspended', 'compensating'] as const),
  ...(['completed', 'failed', 'cancelled', 'dead'] as const),
]);
const What = z.object({
  actor: z.string(),
  actorKey: z.string().exactOptional(),
  via: z.enum(['api', 'dashboard', 'cli']),
  action: z.enum(AUDIT_ACTIONS),
  tenant: z.string(),
  runId: z.string().exactOptional(),
  before: Status.exactOptional(),
  detail: z.json().exactOptional(),
});
const OfRun = What.pick({ runId: true });
const End = z.object({
  outcome: z.string().exactOptional(),
  after: Status.exactOptional(),
  detail: z.json().exactOptional(),
});

export function createAuditLog({
  connection,
  log,
}: {
  readonly connection: Redis | Cluster;
  readonly log: Log;
}): AuditLog {
  const keys = keysOf(connection);
  const close = (
    { tenant, runId }: Pick<Action, 'tenant' | 'runId'>,
    id: string,
    end: string,
    openForMs = 0,
  ) => {
    const tenantLog = keys.audit(tenant);
    const logs = [tenantLog, runId === undefined ? tenantLog : keys.auditOfRun(runId)];
    const args = [id, end, AUDIT_KEPT_MS, RUN_LOG_KEPT_MS, openForMs];
    return runScript(connection, SCRIPTS.close, [keys.auditOpen(tenant), ...logs], args);
  };

  /** Writes the entries that dead processes have left open. */
  const closeLost = async (tenant: string) => {
    const open = await connection.hgetall(keys.auditOpen(tenant));
    for (const [id, text] of Object.entries(open)) {
      const lost = OfRun.parse(JSON.parse(text.slice(text.indexOf(' ') + 1)));
      await close({ tenant, ...lost }, id, '{}', LOST_AFTER_MS);
    }
  };

  return {
    async around(actor, action, act, ending) {
      const id = randomUUID();
      const what = JSON.stringify({ actor: actor.name, actorKey: actor.key, via: actor.via, ...action });
      const end = (how: Ending | undefined) =>
        close(action, id, how ? JSON.stringify(how) : '').catch((error: unknown) =>
          log.warn(
            { err: error, action: action.action, run: action.runId },
            'the outcome of an action could not be written to the audit log',
          ),
        );
      await orUnavailable(runScript(connection, SCRIPTS.open, [keys.auditOpen(action.tenant)], [id, what]));
      let done: Awaited<ReturnType<typeof act>>;
      try {
        done = await act();
      } catch (error) {
        // whether it was done is not known: it is left open, and ends in the log without an outcome
        if (!(error instanceof StoreUnavailableError)) await end({ outcome: codeOf(error) });
        throw error;
      }
      // it is done: that what came of it cannot be told in full is no reason to say otherwise
      try {
        await end(await ending(done));
      } catch (error) {
        log.warn(
          { err: error, action: action.action, run: action.runId },
          'the outcome of an action could not be read',
        );
      }
      return done;
    },

    async list(tenant, { runId, cursor, limit = 50 } = {}) {
      if (cursor !== undefined && !/^\d{1,16}-\d{1,10}$/.test(cursor)) throw new InvalidCursorError();
      // nothing stands before it, and Redis refuses to look
      if (cursor !== undefined && /^0+-0+$/.test(cursor)) return { data: [] };
      const wanted = Math.min(Math.max(limit, 1), 200);
      await orUnavailable(closeLost(tenant));
      const stream = runId === undefined ? keys.audit(tenant) : keys.auditOfRun(runId);
      const found = await orUnavailable(
        connection.xrevrange(stream, cursor === undefined ? '+' : `(${cursor}`, '-', 'COUNT', wanted + 1),
      );
      const data = found.slice(0, wanted).map(([id, fields]) => readEntry(id, fields));
      // a run's log is found by the run's id alone, whoever asks
      if (data.some((entry) => entry.tenant !== tenant)) return { data: [] };
      const last = data.at(-1);
      return found.length > wanted && last ? { data, nextCursor: last.id } : { data };
    },
  };
}

function readEntry(id: string, fields: readonly string[]): AuditEntry {
  const [, at = '', , what = '', , end = ''] = fields;
  return { id, at: Number(at), ...What.parse(JSON.parse(what)), ...End.parse(JSON.parse(end)) };
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string'
    ? error.code
    : 'unexpected_error';
}
