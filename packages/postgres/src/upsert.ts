import { identifier } from './identifier.ts';
import type { Transaction } from './transaction.ts';

export interface UpsertOptions {
  /** The columns of the table's unique key. */
  readonly key: readonly string[];
  /** A row replaces one that is there only when its value in this column is not older. Default: it always does. */
  readonly newestBy?: string;
}

/**
 * Inserts rows, and updates those that are there, by one statement: for what a pull brings. Of rows with the same key the last one counts,
 * or the newest. All rows have the members of the first. Values go through JSON into the columns' types.
 * @returns how many rows were inserted or changed
 * @throws TypeError when a row lacks a column of the key or has other members than the first
 * @example await upsert(tx, 'contacts', page.contacts, { key: ['id'], newestBy: 'updated_at' });
 */
export async function upsert(
  tx: Transaction,
  table: string,
  rows: readonly Readonly<Record<string, unknown>>[],
  { key, newestBy }: UpsertOptions,
): Promise<number> {
  const [first] = rows;
  if (!first) return 0;
  const columns = Object.keys(first);
  for (const name of newestBy === undefined ? key : [...key, newestBy]) {
    if (!columns.includes(name))
      throw new TypeError(`upsert into ${table}: the rows have no ${JSON.stringify(name)}`);
  }
  const last = new Map<string, Readonly<Record<string, unknown>>>();
  for (const row of rows) {
    if (Object.keys(row).length !== columns.length || columns.some((column) => !(column in row)))
      throw new TypeError(
        `upsert into ${table}: a row has other columns (${Object.keys(row).join(', ')}) than the first (${columns.join(', ')})`,
      );
    const id = JSON.stringify(key.map((column) => row[column]));
    const before = last.get(id);
    if (before && newestBy !== undefined && isOlder(row[newestBy], before[newestBy])) continue;
    last.set(id, row);
  }
  const into = identifier(table);
  const list = columns.map(identifier).join(', ');
  const changed = columns.filter((column) => !key.includes(column));
  const set = changed.map((column) => `${identifier(column)} = excluded.${identifier(column)}`).join(', ');
  const newest = newestBy && identifier(newestBy);
  const onConflict =
    changed.length === 0
      ? 'DO NOTHING'
      : `DO UPDATE SET ${set}${newest ? ` WHERE t.${newest} IS NULL OR excluded.${newest} >= t.${newest}` : ''}`;
  const { rowCount } = await tx.query(
    `INSERT INTO ${into} AS t (${list}) SELECT ${list} FROM json_populate_recordset(NULL::${into}, $1)
     ON CONFLICT (${key.map(identifier).join(', ')}) ${onConflict}`,
    [JSON.stringify([...last.values()])],
  );
  return rowCount;
}

/** Of numbers and of texts, such as times in one ISO form. */
function isOlder(one: unknown, other: unknown): boolean {
  if (one instanceof Date && other instanceof Date) return one < other;
  if (typeof one === 'number' && typeof other === 'number') return one < other;
  return String(one) < String(other);
}
