import type { LookUp } from '@holdfast/engine';
import type { ClientBase } from 'pg';
import { identifier } from './identifier.ts';

/** Where PostgreSQL keeps which steps it has done: one row for each, written by the transaction that did the work. */
export class Effects {
  readonly table: string;
  #made: Promise<void> | undefined;

  /** @param table may name its schema, as in `integration.holdfast_effects` */
  constructor(table: string) {
    this.table = identifier(table);
  }

  /** Creates the table where it is not there yet. Processes that start together do not get into each other's way. */
  async make(client: ClientBase): Promise<void> {
    this.#made ??= this.#make(client);
    await this.#made.catch((error: unknown) => {
      this.#made = undefined;
      throw error;
    });
  }

  async #make(client: ClientBase): Promise<void> {
    const { rows } = await client.query('SELECT to_regclass($1) AS there', [this.table]);
    if (rows[0]?.there) return;
    await client.query('BEGIN');
    try {
      // CREATE TABLE IF NOT EXISTS fails when two sessions run it at once
      await client.query(`SELECT pg_advisory_xact_lock(hashtextextended('holdfast_effects', 0))`);
      await client.query(createTable(this.table));
      await client.query('COMMIT');
    } catch (error) {
      await client.query('ROLLBACK').catch(() => {});
      throw error;
    }
  }

  /**
   * Claims a key inside a transaction. Another transaction that has claimed it and is not over is waited for.
   * @returns what was recorded under it, or undefined when this transaction is the one to do the work
   */
  async claim(client: ClientBase, key: string): Promise<{ readonly result: unknown } | undefined> {
    const claimed = await client.query(
      `INSERT INTO ${this.table} (key) VALUES ($1) ON CONFLICT (key) DO NOTHING`,
      [key],
    );
    if (claimed.rowCount === 1) return undefined;
    return this.#read(client, key);
  }

  async record(client: ClientBase, key: string, result: unknown): Promise<void> {
    await client.query(`UPDATE ${this.table} SET result = $2 WHERE key = $1`, [
      key,
      result === undefined ? null : JSON.stringify(result),
    ]);
  }

  /** Whether the effect of a key has happened. A transaction that is doing it at this moment is waited for. */
  async find<T>(client: ClientBase, key: string): Promise<LookUp<T>> {
    const found = (await this.#read(client, key)) ?? (await this.#readOnceNobodyClaims(client, key));
    // the row was written from a value of this type
    return found ? { outcome: 'found', result: found.result as T } : { outcome: 'none' };
  }

  async #readOnceNobodyClaims(client: ClientBase, key: string): Promise<{ result: unknown } | undefined> {
    await client.query('SAVEPOINT holdfast_look');
    const found = await this.claim(client, key);
    await client.query('ROLLBACK TO SAVEPOINT holdfast_look');
    return found;
  }

  async #read(client: ClientBase, key: string): Promise<{ result: unknown } | undefined> {
    const { rows } = await client.query(`SELECT result::text FROM ${this.table} WHERE key = $1`, [key]);
    if (rows.length === 0) return undefined;
    const [{ result }] = rows;
    return { result: result === null ? undefined : JSON.parse(result) };
  }

  /** @returns how many were removed */
  async prune(client: ClientBase, olderThanMs: number, limit: number): Promise<number> {
    const { rowCount } = await client.query(
      `DELETE FROM ${this.table} WHERE key IN (
         SELECT key FROM ${this.table} WHERE done_at < now() - $1 * interval '1 millisecond' ORDER BY done_at LIMIT $2)`,
      [olderThanMs, limit],
    );
    return rowCount ?? 0;
  }
}

/** `json`, not `jsonb`: a result comes back as it was written, its members in their order. */
const createTable = (table: string) => `
  CREATE TABLE IF NOT EXISTS ${table} (
    key text PRIMARY KEY,
    result json,
    done_at timestamptz NOT NULL DEFAULT now()
  )`;
