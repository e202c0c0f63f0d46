import { createHash } from 'node:crypto';
import type { HoldfastConfig } from './define-config.ts';

/**
 * What API and dashboard know of a config: names, versions, what goes in and what steps give back, and its own routes. Two configs with the same
 * surface differ in what their flows do alone, which only workers run.
 */
export function surfaceOf({
  flows,
  routes = [],
  authenticate,
  codec,
  webhooks = {},
}: HoldfastConfig): string {
  const hash = createHash('sha256');
  const seen = new Set<object>();
  const add = (value: unknown): void => {
    if (typeof value === 'function') hash.update(value.toString());
    else if (value instanceof RegExp || typeof value === 'bigint') hash.update(String(value));
    else if (typeof value !== 'object' || value === null) hash.update(JSON.stringify(value) ?? 'undefined');
    else if (!seen.has(value)) {
      seen.add(value);
      for (const [name, member] of Object.entries('_zod' in value ? schemaParts(value) : value)) {
        hash.update(`${name}:`);
        add(member);
      }
    }
  };
  for (const { name, version, input, results } of flows) add({ name, version, input, results });
  add(routes);
  add(authenticate);
  add(codec);
  for (const [name, { scheme, secrets, tenant }] of Object.entries(webhooks))
    add({ name, scheme, secrets, tenant });
  return hash.digest('hex');
}

/** A schema is its definition; all else of it follows. */
function schemaParts(schema: object): object {
  const inner: unknown = Reflect.get(schema, '_zod');
  return typeof inner === 'object' && inner !== null && 'def' in inner ? Object(inner.def) : {};
}
