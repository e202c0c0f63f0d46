import { duration, OperatorError } from '@holdfast/app-kit';
import {
  type ApiKey,
  type ApiKeys,
  createApiKeys,
  KeyName,
  MAX_KEY_HOLDS_MS,
  SCOPES,
  type Scope,
  Tenant,
} from '@holdfast/operations';
import { z } from 'zod';
import { askFor } from './api.ts';
import type { Commands } from './cli.ts';
import type { Io } from './io.ts';
import { withRedis } from './redis.ts';
import { table } from './table.ts';
import { UsageError } from './usage.ts';

interface Flags {
  readonly tenant?: string;
  readonly redis?: string | true;
  readonly json?: true;
}

interface CreateFlags extends Flags {
  readonly name: string;
  readonly scopes: string;
  readonly expiresIn?: string;
}

/** A key as the API shows it. */
const KeyJson = z.looseObject({
  id: z.string(),
  name: z.string(),
  tenant: z.string(),
  scopes: z.array(z.enum(SCOPES)),
  createdAt: z.string(),
  createdBy: z.string(),
  expiresAt: z.string().optional(),
  revokedAt: z.string().optional(),
});
type KeyJson = z.infer<typeof KeyJson>;
const CreatedJson = KeyJson.extend({ key: z.string() });
const ListJson = z.object({ data: z.array(KeyJson) });

/** Keys of one tenant: through the API, or in Redis itself, which needs no key. */
interface Keys {
  create(key: {
    name: string;
    scopes: readonly Scope[];
    expiresIn?: string;
  }): Promise<z.infer<typeof CreatedJson>>;
  list(): Promise<KeyJson[]>;
  revoke(id: string): Promise<KeyJson>;
}

export function addKeyCommands({ program, io }: Commands): void {
  const keys = program.command('keys').description('creates, lists and revokes API keys');
  const command = (nameAndArguments: string, description: string) =>
    keys
      .command(nameAndArguments)
      .description(description)
      .option('--tenant <name>', 'with --redis: the tenant. Through the API it is the tenant of your own key')
      .option(
        '--redis [url]',
        'use Redis directly, for the first key of a tenant (default: HOLDFAST_REDIS_URL)',
      )
      .option('--json', 'print JSON');

  command('create', 'creates a key and shows it once')
    .requiredOption('--name <name>', 'who uses the key, for the audit log')
    .requiredOption('--scopes <list>', `scopes, separated by commas: ${SCOPES.join(', ')}`)
    .option('--expires-in <duration>', 'such as 90d (default: valid until revoked)')
    .action(async ({ name, scopes, expiresIn, ...flags }: CreateFlags) => {
      const wanted = { name, scopes: scopesOf(scopes), ...(expiresIn !== undefined && { expiresIn }) };
      const created = await withKeys(io, flags, (at) => at.create(wanted));
      if (flags.json) return printJson(io, created);
      io.out(
        `${created.key}\n\n${describe([created])}\nSave it now: only its hash is stored, so it cannot be shown again.\n`,
      );
    });

  command('list', 'lists the keys of a tenant, newest first').action(async (flags: Flags) => {
    const found = await withKeys(io, flags, (at) => at.list());
    if (flags.json) return printJson(io, { data: found });
    io.out(found.length === 0 ? 'No keys. Create one with: holdfast keys create\n' : describe(found));
  });

  command('revoke <key-id>', 'revokes a key at once, everywhere').action(async (id: string, flags: Flags) => {
    const revoked = await withKeys(io, flags, (at) => at.revoke(id));
    if (flags.json) return printJson(io, revoked);
    io.out(`${revoked.id} (${revoked.name}) is revoked.\n`);
  });
}

function withKeys<T>(io: Io, { tenant, redis }: Flags, use: (keys: Keys) => Promise<T>): Promise<T> {
  if (redis === undefined) {
    if (tenant === undefined) return use(throughApi(io));
    throw new UsageError(
      'Through the API, keys belong to the tenant of your own key.\nLeave --tenant out, or add --redis to use Redis directly.',
    );
  }
  const named = Tenant.safeParse(tenant);
  if (!named.success) {
    throw new UsageError(`Which tenant? --tenant: ${named.error.issues[0]?.message ?? 'expected a name'}.`);
  }
  return withRedis(io, redis === true ? undefined : redis, (connection) =>
    use(inRedis(io, createApiKeys({ connection, log: SILENT }), named.data)),
  );
}

function throughApi(io: Io): Keys {
  return {
    create: (key) => askFor(CreatedJson, io, 'POST', '/v1/keys', key),
    list: async () => (await askFor(ListJson, io, 'GET', '/v1/keys')).data,
    revoke: (id) => askFor(KeyJson, io, 'DELETE', `/v1/keys/${encodeURIComponent(id)}`),
  };
}

function inRedis(io: Io, keys: ApiKeys, tenant: string): Keys {
  const actor = { name: io.env.USER || io.env.LOGNAME || 'unknown', via: 'cli' } as const;
  return {
    async create({ expiresIn, ...key }) {
      const holds = expiresIn === undefined ? undefined : duration.safeParse(expiresIn);
      if (holds && !(holds.success && holds.data > 0)) {
        throw new UsageError(`--expires-in ${expiresIn} is not a duration. Use a value such as 90d or 12h.`);
      }
      if (holds?.success && holds.data > MAX_KEY_HOLDS_MS)
        throw new UsageError(`--expires-in ${expiresIn}: the maximum is ten years.`);
      const called = KeyName.safeParse(key.name);
      if (!called.success) throw new UsageError(`--name: ${called.error.issues[0]?.message}.`);
      const created = await keys.create(actor, {
        ...{ tenant, ...key },
        ...(holds?.success && { expiresInMs: holds.data }),
      });
      return { ...present(created), key: created.key };
    },
    list: async () => (await keys.list(tenant)).map(present),
    async revoke(id) {
      const revoked = await keys.revoke(actor, tenant, id);
      if (revoked) return present(revoked);
      throw new OperatorError(
        `The tenant ${tenant} has no key ${id}.\n\`holdfast keys list\` shows its keys.`,
      );
    },
  };
}

function present({ createdAt, expiresAt, revokedAt, ...key }: ApiKey): KeyJson {
  return {
    ...{ ...key, scopes: [...key.scopes], createdAt: new Date(createdAt).toISOString() },
    ...(expiresAt !== undefined && { expiresAt: new Date(expiresAt).toISOString() }),
    ...(revokedAt !== undefined && { revokedAt: new Date(revokedAt).toISOString() }),
  };
}

function scopesOf(text: string): Scope[] {
  const given = text.split(',').map((part) => part.trim());
  const known = z
    .array(z.enum(SCOPES))
    .min(1)
    .safeParse([...new Set(given)]);
  if (known.success) return known.data;
  throw new UsageError(
    `--scopes ${text}: a scope is one of ${SCOPES.join(', ')}; write several with commas.`,
  );
}

function describe(keys: readonly KeyJson[]): string {
  const rows = keys.map((key) => [key.id, key.name, key.tenant, key.scopes.join(','), state(key)]);
  return `${table([['id', 'name', 'tenant', 'scopes', 'state'], ...rows])}\n`;
}

function state({ revokedAt, expiresAt, createdAt }: KeyJson): string {
  if (revokedAt !== undefined) return `revoked ${revokedAt}`;
  if (expiresAt === undefined) return `since ${createdAt}`;
  return Date.parse(expiresAt) <= Date.now() ? `expired ${expiresAt}` : `until ${expiresAt}`;
}

function printJson(io: Io, value: unknown): void {
  io.out(`${JSON.stringify(value, null, 2)}\n`);
}

/** What the log would say, the command says by how it ends. */
const SILENT = { debug() {}, info() {}, warn() {}, error() {} };
