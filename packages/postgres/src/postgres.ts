import { ConfigError, pem, url, wholeNumber } from '@holdfast/app-kit';
import {
  type DurationInput,
  type LookUp,
  type RetryPolicy,
  type StepCall,
  type StepOptions,
  toMs,
} from '@holdfast/engine';
import { type Connected, Connector, type Provider, prefixOf } from '@holdfast/project';
import type { QueryResultRow } from 'pg';
import { z } from 'zod';
import { Connection, type Where } from './connection.ts';
import { identifier } from './identifier.ts';
import type { Isolation, SqlValue, Transaction } from './transaction.ts';

export interface PostgresOptions {
  /** Lower-case letters, digits and dashes. It names the variables (`HOLDFAST_<NAME>_URL`), and the database in health and errors. Default `postgres`. */
  readonly name?: string;
  /** Where it is, unless the variable `_URL` says otherwise. Default: the variable is needed. */
  readonly url?: string;
  /** Connections of one process, unless the variable `_POOL` says otherwise. Default 10. */
  readonly pool?: number;
  /** Where it is kept which steps are done; made at first use where it is not there. Default `holdfast_effects`. */
  readonly effectsTable?: string;
}

export interface TransactionOptions<T> {
  /** Undoes the work, in one transaction under a key of its own: it happens once, too. */
  readonly undo?: (result: T, tx: Transaction, call: StepCall) => Promise<void>;
  readonly retry?: Partial<RetryPolicy>;
  /** How long the transaction may take, its wait for a connection included. Default `10s`. */
  readonly timeout?: DurationInput;
  /** Default `read committed`. Serialization failures are tried again by the step's policy. */
  readonly isolation?: Isolation;
}

export type QueryOptions = Pick<TransactionOptions<unknown>, 'retry' | 'timeout' | 'isolation'>;

/** For a config's `providers`, and for the steps of its flows. */
export interface Postgres extends Provider {
  /**
   * A step whose work and whose record in PostgreSQL are one transaction: it happens exactly once, however often workers die. A lost
   * answer to COMMIT is looked up; a worker that comes too late finds that it is done.
   * @param work must use `tx` alone; it may run again after a failure that rolled it back
   * @example
   * const { id } = await ctx.step('insert', db.transaction(async (tx) => {
   *   const { rows } = await tx.query<{ id: string }>('INSERT INTO orders (total) VALUES ($1) RETURNING id', [total]);
   *   return { id: rows[0].id };
   * }, { undo: async ({ id }, tx) => { await tx.query('DELETE FROM orders WHERE id = $1', [id]); } }));
   */
  transaction<T>(
    work: (tx: Transaction, call: StepCall) => Promise<T>,
    options?: TransactionOptions<T>,
  ): StepOptions<T>;
  /** A step that only reads, in a read-only transaction. Its result is the rows. Keep it small: a result is at most 256 KB. */
  query<R extends QueryResultRow = QueryResultRow>(
    text: string,
    values?: readonly SqlValue[],
    options?: QueryOptions,
  ): StepOptions<readonly R[]>;
  /**
   * A step that forgets what was done long ago. A run that is redriven or rerun after that may repeat it, so keep at least as long as runs
   * may stay dead.
   * @param olderThan at least `1d`
   */
  prune(olderThan: DurationInput, options?: { readonly limit?: number }): StepOptions<{ removed: number }>;
}

/** What is kept in PostgreSQL does not go away by itself, so a doubt can be settled however old it is. */
const KEEPS = '3650d';
const TIMEOUT = '10s';
const DAY_MS = 24 * 60 * 60_000;

/**
 * A PostgreSQL database for flows: each process has a pool, guarded by the shared breaker, with health and metrics like every provider.
 * Reads `HOLDFAST_<NAME>_URL` (`postgres://user:password@host:5432/database`), `_POOL` and `_TLS_CA`. Works behind pgbouncer in transaction mode.
 * @throws TypeError for a name that cannot be one
 * @example
 * export const db = postgres();
 * export default defineConfig({ flows, providers: [db] });
 */
export function postgres(options: PostgresOptions = {}): Postgres {
  const { name = 'postgres', effectsTable = 'holdfast_effects' } = options;
  identifier(effectsTable);
  const prefix = prefixOf(name);
  const where = z
    .string({ error: `expected the URL of the database "${name}", such as postgres://user@host/database` })
    .pipe(url('postgres:', 'postgresql:'));
  const connector = new Connector({
    ...{ name, kind: 'database' },
    variables: {
      [`${prefix}_URL`]: options.url === undefined ? where : where.default(options.url),
      [`${prefix}_POOL`]: wholeNumber(1, 1_000).default(options.pool ?? 10),
      [`${prefix}_TLS_CA`]: pem.optional(),
    },
    whereOf: (read): Where => ({
      ...{ name, effectsTable },
      url: databaseUrl(`${prefix}_URL`, String(read[`${prefix}_URL`])),
      pool: Number(read[`${prefix}_POOL`]),
      tlsCa: read[`${prefix}_TLS_CA`] as string | undefined,
    }),
    connect: (at, sharing) => new Connection(at, sharing),
  });
  const current = () => connector.current();

  const made: Postgres = Object.assign(connector.provider, {
    transaction<T>(
      work: (tx: Transaction, call: StepCall) => Promise<T>,
      { undo, retry, timeout = TIMEOUT, isolation = 'read committed' }: TransactionOptions<T> = {},
    ): StepOptions<T> {
      const bounds = { timeoutMs: toMs(timeout), isolation };
      return {
        run: (call) => current().once(call, bounds, (tx) => work(tx, call)),
        find: (call): Promise<LookUp<T>> => current().find<T>(call, bounds),
        ...(undo && {
          undo: (result: T, call: StepCall) => current().once(call, bounds, (tx) => undo(result, tx, call)),
        }),
        ...(retry && { retry }),
        // the server and this process each give up on a transaction within its time-out
        ...{ timeout, settleFor: timeout, keyLifetime: KEEPS },
      };
    },

    query<R extends QueryResultRow>(
      text: string,
      values: readonly SqlValue[] = [],
      { retry, timeout = TIMEOUT, isolation = 'read committed' }: QueryOptions = {},
    ): StepOptions<readonly R[]> {
      const bounds = { timeoutMs: toMs(timeout), isolation };
      return {
        run: (call) => current().read(call, bounds, async (tx) => (await tx.query<R>(text, values)).rows),
        whenInDoubt: 'repeat',
        ...(retry && { retry }),
        ...{ timeout, keyLifetime: KEEPS },
      };
    },

    prune(
      olderThan: DurationInput,
      { limit = 10_000 }: { readonly limit?: number } = {},
    ): StepOptions<{ removed: number }> {
      const ms = toMs(olderThan);
      if (ms < DAY_MS)
        throw new RangeError(
          `prune: expected at least 1d, got ${JSON.stringify(olderThan)}: runs may still need to know what they did`,
        );
      return {
        run: (call) => current().prune(call, { timeoutMs: toMs(TIMEOUT), olderThanMs: ms, limit }),
        whenInDoubt: 'repeat',
        ...{ timeout: TIMEOUT, keyLifetime: KEEPS },
      };
    },
  });
  connectors.set(made, connector);
  return made;
}

const connectors = new WeakMap<Postgres, Connector<Where, Connection>>();

/**
 * Connects a database on its own, without Redis, for tests and scripts: no breaker, no health.
 * @param env its variables
 * @throws ConfigError naming what is missing or cannot be used
 */
export function connectPostgres(db: Postgres, env: Readonly<Record<string, string>>): Connected {
  const connector = connectors.get(db);
  if (!connector) throw new TypeError('expected what `postgres()` returned');
  return connector.alone(env);
}

/** @throws ConfigError without a database in the URL: `pg` would take the user's name for it */
function databaseUrl(variable: string, text: string): string {
  if (new URL(text).pathname.length > 1) return text;
  throw new ConfigError([{ variable, message: 'names no database; write postgres://user@host/database' }]);
}
