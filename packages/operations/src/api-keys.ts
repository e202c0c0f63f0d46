import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Log } from '@holdfast/engine';
import { orUnavailable } from '@holdfast/engine';
import { runScript } from '@holdfast/redis';
import type { Cluster, Redis } from 'ioredis';
import { z } from 'zod';
import { type Actor, createAuditLog } from './audit-log.ts';
import { keysOf } from './keys.ts';
import { loadScript } from './scripts.ts';

/**
 * What a key may do: have runs accepted, look at them, see their inputs and results, send them signals, steer them, manage keys, see what
 * operators did.
 */
export const SCOPES = ['submit', 'read', 'payloads', 'signal', 'operate', 'keys', 'audit'] as const;
/** What `operate` meant before these had scopes of their own: keys of that time keep it. */
const ONCE_OPERATE = ['payloads', 'signal', 'keys', 'audit'] as const;
export type Scope = (typeof SCOPES)[number];

/** A tenant's name: part of Redis keys and of run ids, so it is kept plain. */
export const Tenant = z
  .string()
  .regex(/^[a-z0-9][a-z0-9_-]{0,62}$/, 'expected 1 to 63 lower-case letters, digits, "_" or "-"');

/** What a key may be called: it stands in logs, lists and terminals. */
export const KeyName = z
  .string()
  .regex(/^[\x20-\x7e]{1,100}$/, 'expected 1 to 100 printable ASCII characters');

/** Ten years. */
export const MAX_KEY_HOLDS_MS = 10 * 365 * 24 * 60 * 60 * 1_000;

/** A key as people see it: all but its secret, of which only a hash is stored. Times are Unix milliseconds on Redis' clock. */
export interface ApiKey {
  readonly id: string;
  readonly tenant: string;
  readonly name: string;
  readonly scopes: readonly Scope[];
  readonly createdAt: number;
  readonly createdBy: string;
  /** The id of the key that made it. */
  readonly createdByKey?: string;
  readonly expiresAt?: number;
  readonly revokedAt?: number;
}

export interface NewApiKey {
  readonly tenant: string;
  /** A {@link KeyName}, for people and the audit log. */
  readonly name: string;
  readonly scopes: readonly Scope[];
  /** From now, at most {@link MAX_KEY_HOLDS_MS}. A key without it holds until it is revoked. */
  readonly expiresInMs?: number;
  /** The key that makes it: revoked with what it made, it takes this one along. */
  readonly madeBy?: string | undefined;
}

export interface ApiKeys {
  /**
   * @returns the key with its secret, which cannot be told a second time
   * @throws RangeError for a name or a time that a key cannot have; nothing is stored then
   */
  create(actor: Actor, key: NewApiKey): Promise<ApiKey & { readonly key: string }>;
  /** A tenant's keys, the newest first; those that have ended are there for 30 days more. */
  list(tenant: string): Promise<readonly ApiKey[]>;
  /**
   * Effective at once. Revoking a key twice changes nothing.
   * @param more `cascade`: with all that it made, and what those made
   * @returns undefined when the tenant has no such key
   */
  revoke(
    actor: Actor,
    tenant: string,
    id: string,
    more?: { readonly cascade?: boolean },
  ): Promise<ApiKey | undefined>;
  /**
   * The key that a caller has shown. Asks Redis each time, so what is revoked is refused at once.
   * @returns undefined when it is not known, revoked or expired
   * @throws StoreUnavailableError
   */
  find(key: string): Promise<ApiKey | undefined>;
}

/** 16 hex digits by which it is looked up, and 256 random bits. */
const SHAPE = /^hf_([0-9a-f]{16})_([A-Za-z0-9_-]{43})$/;
const SHOWN_AFTER_END_MS = 30 * 24 * 60 * 60 * 1_000;

const SCRIPTS = {
  create: loadScript('create-api-key'),
  revoke: loadScript('revoke-api-key'),
  find: loadScript('find-api-key'),
};

const Stored = z
  .object({
    tenant: z.string(),
    name: z.string(),
    scopes: z.string(),
    /** Absent where `operate` stands for more than it says. */
    grants: z.literal('2').exactOptional(),
    createdAt: z.coerce.number(),
    createdBy: z.string(),
    createdByKey: z.string().exactOptional(),
    expiresAt: z.coerce.number().exactOptional(),
    revokedAt: z.coerce.number().exactOptional(),
  })
  .transform(({ scopes, grants, ...key }) => ({ ...key, scopes: scopesOf(scopes, grants !== undefined) }));

function scopesOf(text: string, exact: boolean): Scope[] {
  const given: readonly string[] = text.split(' ');
  const more: readonly string[] = !exact && given.includes('operate') ? ONCE_OPERATE : [];
  return SCOPES.filter((scope) => given.includes(scope) || more.includes(scope));
}

const Found = z.union([z.tuple([z.literal('found'), z.array(z.string())]), z.tuple([z.literal('none')])]);

export function createApiKeys({
  connection,
  log,
}: {
  readonly connection: Redis | Cluster;
  readonly log: Log;
}): ApiKeys {
  const keys = keysOf(connection);
  const audit = createAuditLog({ connection, log });

  const read = async (id: string): Promise<ApiKey | undefined> => {
    const fields = await orUnavailable(connection.hgetall(keys.apiKey(id)));
    return fields.tenant === undefined ? undefined : { id, ...Stored.parse(fields) };
  };

  const apiKeys: ApiKeys = {
    async create(actor, { tenant, name, scopes, expiresInMs, madeBy }) {
      if (!KeyName.safeParse(name).success) throw new RangeError('a key cannot be called so');
      if (expiresInMs !== undefined && !(expiresInMs > 0 && expiresInMs <= MAX_KEY_HOLDS_MS))
        throw new RangeError('a key holds for more than nothing and at most ten years');
      const id = randomBytes(8).toString('hex');
      const key = `hf_${id}_${randomBytes(32).toString('base64url')}`;
      const detail = {
        key: id,
        name,
        scopes: [...scopes],
        ...(expiresInMs !== undefined && { expiresInMs }),
      };
      const fields = {
        tenant,
        name,
        scopes: scopes.join(' '),
        createdBy: actor.name,
        grants: '2',
        ...(madeBy !== undefined && { createdByKey: madeBy }),
        hash: hashOf(key).toString('hex'),
      };
      const args = [id, expiresInMs ?? '', SHOWN_AFTER_END_MS, ...Object.entries(fields).flat()];
      await audit.around(
        ...([actor, { action: 'create_key', tenant, detail }] as const),
        () =>
          orUnavailable(runScript(connection, SCRIPTS.create, [keys.apiKey(id), keys.apiKeys(tenant)], args)),
        () => ({ outcome: 'created' }),
      );
      const created = await read(id);
      if (!created) throw new Error(`the API key ${id} was stored and is not there`);
      return { ...created, key };
    },

    async list(tenant) {
      const ids = await orUnavailable(connection.zrevrange(keys.apiKeys(tenant), 0, -1));
      const found = await Promise.all(ids.map(read));
      const gone = ids.filter((_id, index) => found[index] === undefined);
      if (gone.length > 0) await orUnavailable(connection.zrem(keys.apiKeys(tenant), ...gone));
      return found.filter((key) => key !== undefined);
    },

    async revoke(actor, tenant, id, { cascade = false } = {}) {
      const known = await read(id);
      if (known?.tenant !== tenant) return undefined;
      const made = cascade
        ? (await apiKeys.list(tenant)).filter(({ createdByKey }) => createdByKey === id)
        : [];
      for (const each of made) await apiKeys.revoke(actor, tenant, each.id, { cascade });
      await audit.around(
        ...([actor, { action: 'revoke_key', tenant, detail: { key: id, name: known.name } }] as const),
        () => orUnavailable(runScript(connection, SCRIPTS.revoke, [keys.apiKey(id)], [SHOWN_AFTER_END_MS])),
        (reply) => ({ outcome: z.tuple([z.string()]).parse(reply)[0] }),
      );
      return read(id);
    },

    async find(key) {
      const [, id] = SHAPE.exec(key) ?? [];
      if (id === undefined) return undefined;
      const reply = Found.parse(
        await orUnavailable(runScript(connection, SCRIPTS.find, [keys.apiKey(id)], [])),
      );
      if (reply[0] === 'none') return undefined;
      const [, list] = reply;
      const fields = Object.fromEntries(
        list.flatMap((name, i) => (i % 2 === 0 ? [[name, list[i + 1]]] : [])),
      );
      const hash = Buffer.from(fields.hash ?? '', 'hex');
      const shown = hashOf(key);
      if (hash.length !== shown.length || !timingSafeEqual(hash, shown)) return undefined;
      return { id, ...Stored.parse(fields) };
    },
  };
  return apiKeys;
}

/** A key has 256 random bits, so a plain hash tells nothing of it; a slow one would only slow every request. */
function hashOf(key: string): Buffer {
  return createHash('sha256').update(key).digest();
}
