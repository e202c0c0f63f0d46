import { escapeIdentifier } from 'pg';

/** A table's or column's name, quoted; a dot divides the schema from the table. @throws TypeError for an empty name */
export function identifier(name: string): string {
  const parts = name.split('.');
  if (parts.some((part) => part === '') || parts.length > 2)
    throw new TypeError(`${JSON.stringify(name)} is no table name; write \`table\` or \`schema.table\``);
  return parts.map((part) => escapeIdentifier(part)).join('.');
}
