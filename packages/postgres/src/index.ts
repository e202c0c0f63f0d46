export {
  connectPostgres,
  type Postgres,
  type PostgresOptions,
  postgres,
  type QueryOptions,
  type TransactionOptions,
} from './postgres.ts';
export type { Rows, SqlValue, Transaction } from './transaction.ts';
export { type UpsertOptions, upsert } from './upsert.ts';
