import type { LookUp, StepCall } from '@holdfast/engine';
import {
  createGuard,
  failed,
  type Guard,
  notStarted,
  type Performed,
  performGuarded,
  type Sharing,
} from '@holdfast/http';
import pg from 'pg';
import { asDrivers, fromDriver, isDrivers } from './driver-errors.ts';
import { Effects } from './effects.ts';
import { NoFreeConnectionError, transactionFailure } from './failures.ts';
import { type Isolation, inTransaction, NotCommittedError, type Transaction } from './transaction.ts';

export interface Where {
  readonly name: string;
  readonly url: string;
  readonly pool: number;
  readonly tlsCa: string | undefined;
  readonly effectsTable: string;
}

interface Within {
  readonly timeoutMs: number;
  readonly isolation: Isolation;
}

/** So that a statement sees what another transaction has committed while it waited for it. */
const READ_COMMITTED = { isolation: 'read committed', readOnly: false } as const;
/** The SQLSTATE of a write in a transaction that only reads. */
const READ_ONLY = '25006';
const CONNECT_WITHIN_MS = 5_000;
/** Beside the transaction's own time: to get a connection. */
const LONGEST_CALL_MS = 60_000;

/** One process's pool of connections to one database. */
export class Connection {
  readonly #where: Where;
  readonly #effects: Effects;
  readonly #pool: pg.Pool;
  readonly #guard: Guard | undefined;

  constructor(where: Where, sharing: Sharing | undefined) {
    const { name, url, pool, tlsCa, effectsTable } = where;
    this.#where = where;
    this.#effects = new Effects(effectsTable);
    this.#pool = new pg.Pool({
      connectionString: url,
      max: pool,
      application_name: 'holdfast',
      connectionTimeoutMillis: CONNECT_WITHIN_MS,
      ...(tlsCa && { ssl: { ca: tlsCa } }),
    });
    // an idle connection that breaks is replaced when one is needed; without a listener it would end the process
    this.#pool.on('error', () => {});
    this.#guard =
      sharing && createGuard({ provider: name, account: url, longestCallMs: LONGEST_CALL_MS, ...sharing });
  }

  /** Does the work unless it was done under the call's key before. @returns its result, of now or of then */
  once<T>(call: StepCall, within: Within, work: (tx: Transaction) => Promise<T>): Promise<T> {
    return this.#guarded(call, 'transaction', async (client) => {
      await fromDriver(this.#effects.make(client));
      return inTransaction(client, { ...within, readOnly: false }, call.signal, async (tx) => {
        const before = await fromDriver(this.#effects.claim(client, call.idempotencyKey));
        // the row was written from a value of this type
        if (before) return before.result as T;
        const result = await work(tx);
        await fromDriver(this.#effects.record(client, call.idempotencyKey, result));
        return result;
      });
    });
  }

  find<T>(call: StepCall, within: Within): Promise<LookUp<T>> {
    return this.#guarded(call, 'look-up', async (client) => {
      await fromDriver(this.#effects.make(client));
      return inTransaction(client, { ...READ_COMMITTED, timeoutMs: within.timeoutMs }, call.signal, () =>
        fromDriver(this.#effects.find<T>(client, call.idempotencyKey)),
      );
    });
  }

  read<T>(call: StepCall, within: Within, work: (tx: Transaction) => Promise<T>): Promise<T> {
    return this.#guarded(call, 'query', (client) =>
      inTransaction(client, { ...within, readOnly: true }, call.signal, work).catch((error: unknown) => {
        if (!isDrivers(error) || Object(error).code !== READ_ONLY) throw error;
        throw new TypeError('`query` is for reading; write in a step made by `transaction`', {
          cause: error,
        });
      }),
    );
  }

  prune(
    call: StepCall,
    { timeoutMs, olderThanMs, limit }: { timeoutMs: number; olderThanMs: number; limit: number },
  ): Promise<{ removed: number }> {
    return this.#guarded(call, 'prune', async (client) => {
      await fromDriver(this.#effects.make(client));
      return inTransaction(client, { ...READ_COMMITTED, timeoutMs }, call.signal, async () => ({
        removed: await fromDriver(this.#effects.prune(client, olderThanMs, limit)),
      }));
    });
  }

  async close(): Promise<void> {
    await this.#pool.end();
    await this.#guard?.close();
  }

  /** @throws the step's error that says what came of it */
  #guarded<T>(call: StepCall, what: string, act: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    const asked = { call, guard: this.#guard, what: `${this.#where.name} ${what}` };
    return performGuarded(asked, (mayStart) => this.#perform(call.signal, mayStart, act));
  }

  async #perform<T>(
    signal: AbortSignal,
    mayStart: () => boolean,
    act: (client: pg.PoolClient) => Promise<T>,
  ): Promise<Performed<T>> {
    let client: pg.PoolClient | undefined;
    let broken = true;
    // ends the socket: whatever is under way fails, and the server rolls back
    const giveUp = () => client && destroy(client);
    try {
      client = await this.#connect();
      // a connection that breaks between two statements says so here; without a listener it would end the process
      client.on('error', ignore);
      signal.addEventListener('abort', giveUp, { once: true });
      if (signal.aborted) throw new NotCommittedError('aborted', 'the step was given up before it began');
      if (!mayStart()) {
        broken = false;
        return notStarted;
      }
      const value = await act(client);
      broken = false;
      return { kind: 'ok', value, sent: true };
    } catch (error) {
      if (client && !signal.aborted) broken = !(await rolledBack(client));
      return failed(error, transactionFailure(error), client !== undefined);
    } finally {
      signal.removeEventListener('abort', giveUp);
      client?.off('error', ignore);
      client?.release(broken);
    }
  }

  async #connect(): Promise<pg.PoolClient> {
    try {
      return await this.#pool.connect();
    } catch (error) {
      const isFull = this.#pool.totalCount >= this.#where.pool;
      if (isFull && error instanceof Error && error.message.startsWith('timeout exceeded')) {
        throw new NoFreeConnectionError(
          `no connection to "${this.#where.name}" was free for ${CONNECT_WITHIN_MS / 1_000} s; all ${this.#where.pool} are in use`,
        );
      }
      throw asDrivers(error);
    }
  }
}

const ignore = () => {};

/** @returns whether the connection can be used again */
async function rolledBack(client: pg.PoolClient): Promise<boolean> {
  return client.query('ROLLBACK').then(
    () => true,
    () => false,
  );
}

function destroy(client: pg.PoolClient): void {
  // `release(true)` alone would end it politely, behind the statement that is under way
  const { connection } = client as unknown as {
    readonly connection: { readonly stream: { destroy(): void } };
  };
  connection.stream.destroy();
}
