import { randomBytes } from 'node:crypto';
import type { Log } from '@holdfast/engine';
import { orUnavailable } from '@holdfast/engine';
import { runScript, type ScriptReply, type Sealer } from '@holdfast/redis';
import type { Cluster, Redis } from 'ioredis';
import { z } from 'zod';
import { type Actor, createAuditLog } from './audit-log.ts';
import { keysOf } from './keys.ts';
import { loadScript } from './scripts.ts';

/** Which events an endpoint gets: names such as `run.completed`, or all of a kind, such as `payment.*`. */
export const EndpointEvents = z
  .array(
    z
      .string()
      .max(100)
      .regex(
        /^[a-z][a-z0-9_-]*\.([a-z0-9][a-z0-9_-]*|\*)$/,
        'expected a name such as run.completed, or payment.*',
      ),
  )
  .min(1)
  .max(50)
  .refine((names) => new Set(names).size === names.length, 'a name stands there twice');

/** `paused` by a person: events are kept. `disabled` by the endpoint itself (410): it collects none. */
export const ENDPOINT_STATUSES = ['active', 'paused', 'disabled'] as const;

/** Where a tenant has its events sent. Times are Unix milliseconds on Redis' clock. */
export interface WebhookEndpoint {
  readonly id: string;
  readonly tenant: string;
  readonly url: string;
  readonly events: readonly string[];
  readonly description?: string;
  readonly status: (typeof ENDPOINT_STATUSES)[number];
  readonly createdAt: number;
}

/** An Idempotency-Key and the fingerprint of the request that it came with. */
export interface Repeatable {
  readonly key: string;
  readonly fingerprint: string;
}

export interface NewEndpoint {
  /** Checked before: an endpoint is stored as it is given. */
  readonly url: string;
  readonly events: readonly string[];
  readonly description?: string | undefined;
}

export interface EndpointChange {
  readonly url?: string | undefined;
  readonly events?: readonly string[] | undefined;
  /** Empty: removes it. */
  readonly description?: string | undefined;
  readonly status?: 'active' | 'paused' | undefined;
}

export type WithSecret<T> =
  | { readonly outcome: 'done' | 'replayed'; readonly value: T & { readonly secret: string } }
  | { readonly outcome: 'key_reused' };

export interface EndpointPage {
  /** The newest first. */
  readonly data: readonly WebhookEndpoint[];
  /** Absent on the last page. */
  readonly nextCursor?: string;
}

/**
 * Endpoints of tenants, with the secrets that sign what is sent there, sealed at rest. Those of another tenant are not there. A request
 * repeated with its Idempotency-Key within 24 h has the same answer, secret included, whatever became of the endpoint.
 */
export interface WebhookEndpoints {
  create(
    actor: Actor,
    tenant: string,
    endpoint: NewEndpoint,
    repeatable?: Repeatable,
  ): Promise<WithSecret<WebhookEndpoint>>;
  /** @param query `limit`: 1 to 100, default 20 */
  list(
    tenant: string,
    query?: { readonly cursor?: string | undefined; readonly limit?: number },
  ): Promise<EndpointPage>;
  get(tenant: string, id: string): Promise<WebhookEndpoint | undefined>;
  /** What is left out stays. @returns undefined when the tenant has no such endpoint */
  change(
    actor: Actor,
    tenant: string,
    id: string,
    change: EndpointChange,
  ): Promise<WebhookEndpoint | undefined>;
  /** @returns false when the tenant has no such endpoint */
  delete(actor: Actor, tenant: string, id: string): Promise<boolean>;
  /**
   * Makes another secret. The one before signs as well for `overlapMs`; of those before it the five latest do as long as they were to.
   * @returns undefined when the tenant has no such endpoint
   */
  rotateSecret(
    actor: Actor,
    tenant: string,
    id: string,
    overlapMs: number,
    repeatable?: Repeatable,
  ): Promise<WithSecret<object> | undefined>;
  /** All that sign now, the newest first; none when the tenant has no such endpoint. */
  secrets(tenant: string, id: string): Promise<readonly string[]>;
}

/** Standard Webhooks: 24 to 64 random bytes. */
const SECRET_BYTES = 32;
const ANSWER_KEPT_MS = 24 * 60 * 60 * 1_000;
const MOST_EARLIER_SECRETS = 5;

const SCRIPTS = {
  create: loadScript('create-webhook-endpoint'),
  change: loadScript('change-webhook-endpoint'),
  delete: loadScript('delete-webhook-endpoint'),
  rotate: loadScript('rotate-webhook-secret'),
};

const Stored = z.object({
  tenant: z.string(),
  url: z.string(),
  events: z.string().transform((text) => text.split(' ')),
  description: z.string().exactOptional(),
  status: z.enum(ENDPOINT_STATUSES),
  createdAt: z.coerce.number(),
});
const Secrets = z.object({
  secret: z.string(),
  earlier: z
    .string()
    .default('[]')
    .transform((text): unknown => JSON.parse(text))
    .pipe(z.array(z.object({ secret: z.string(), untilMs: z.number() }))),
});
const Outcome = z.tuple([z.string()], z.unknown()).transform(([word]) => word);
const Answered = z.union([
  z.tuple([z.enum(['done', 'replayed']), z.coerce.number(), z.string()]),
  z.tuple([z.enum(['key_reused', 'none'])]),
]);
/** What of a creation's answer is kept sealed. */
const CreatedAnswer = z.object({
  id: z.string(),
  url: z.string(),
  events: z.array(z.string()),
  description: z.string().exactOptional(),
  secret: z.string(),
});

export function createWebhookEndpoints({
  connection,
  sealer,
  log,
}: {
  readonly connection: Redis | Cluster;
  readonly sealer: Sealer;
  readonly log: Log;
}): WebhookEndpoints {
  const keys = keysOf(connection);
  const audit = createAuditLog({ connection, log });
  const script = (
    name: keyof typeof SCRIPTS,
    keyNames: readonly string[],
    args: readonly (string | number)[],
  ) => orUnavailable(runScript(connection, SCRIPTS[name], keyNames, args));
  const onlyIf =
    (...words: readonly string[]) =>
    (reply: ScriptReply) => {
      const outcome = Outcome.parse(reply);
      return words.includes(outcome) ? { outcome } : undefined;
    };

  const endpoints: WebhookEndpoints = {
    async create(actor, tenant, { url, events, description }, repeatable) {
      const id = `whe_${randomBytes(16).toString('hex')}`;
      const secret = newSecret();
      const answerKey = keys.webhookAnswer(tenant, `create ${repeatable?.key ?? id}`);
      const said = description === undefined || description === '' ? {} : { description };
      const answer = { id, url, events: [...events], ...said, secret };
      const fields = {
        ...{ tenant, url, events: events.join(' '), ...said, status: 'active' },
        secret: sealer.seal(secret, keys.webhookEndpoint(id)),
      };
      const args = [
        ...[id, repeatable?.fingerprint ?? '', sealer.seal(JSON.stringify(answer), answerKey)],
        ...[ANSWER_KEPT_MS, ...Object.entries(fields).flat()],
      ];
      const at = [keys.webhookEndpoint(id), keys.webhookEndpoints(tenant), answerKey];
      const detail = { endpoint: id, origin: new URL(url).origin, events: [...events] };
      const reply = await audit.around(
        actor,
        { action: 'create_webhook_endpoint', tenant, detail },
        () => script('create', at, args),
        (done) => onlyIf('done')(done) && { outcome: 'created' },
      );
      const answered = Answered.parse(reply);
      if (answered.length === 1) return { outcome: 'key_reused' };
      const [outcome, createdAt, sealed] = answered;
      const kept = CreatedAnswer.parse(JSON.parse(sealer.open(sealed, answerKey)));
      return { outcome, value: { ...kept, tenant, status: 'active', createdAt } };
    },

    async list(tenant, { cursor, limit = 20 } = {}) {
      const from = cursor === undefined ? '+' : `(${cursor}`;
      const found = await orUnavailable(
        connection.zrange(keys.webhookEndpoints(tenant), from, '-', 'BYLEX', 'REV', 'LIMIT', 0, limit + 1),
      );
      const members = found.slice(0, limit);
      const read = await Promise.all(
        members.map((member) => endpoints.get(tenant, member.slice(member.indexOf(':') + 1))),
      );
      const last = members.at(-1);
      const more = found.length > limit && last !== undefined;
      return {
        data: read.filter((endpoint) => endpoint !== undefined),
        ...(more && { nextCursor: last }),
      };
    },

    async get(tenant, id) {
      const fields = await orUnavailable(connection.hgetall(keys.webhookEndpoint(id)));
      return fields.tenant === tenant ? { id, ...Stored.parse(fields) } : undefined;
    },

    async change(actor, tenant, id, { url, events, description, status }) {
      const fields = {
        ...(url !== undefined && { url }),
        ...(events !== undefined && { events: events.join(' ') }),
        ...(description !== undefined && { description }),
        ...(status !== undefined && { status }),
      };
      const detail = { endpoint: id, changed: Object.keys(fields), ...(status && { status }) };
      await audit.around(
        actor,
        { action: 'change_webhook_endpoint', tenant, detail },
        () =>
          script(
            'change',
            [keys.webhookEndpoint(id), keys.webhookLanes],
            [tenant, id, ...Object.entries(fields).flat()],
          ),
        onlyIf('changed'),
      );
      return endpoints.get(tenant, id);
    },

    async delete(actor, tenant, id) {
      const reply = await audit.around(
        actor,
        { action: 'delete_webhook_endpoint', tenant, detail: { endpoint: id } },
        () => {
          const at = [keys.webhookEndpoint(id), keys.webhookEndpoints(tenant)];
          return script('delete', [...at, keys.webhookDeliveries(id), keys.webhookLanes], [tenant, id]);
        },
        onlyIf('deleted'),
      );
      return Outcome.parse(reply) === 'deleted';
    },

    async rotateSecret(actor, tenant, id, overlapMs, repeatable) {
      const rotation = randomBytes(16).toString('hex');
      const secret = newSecret();
      const answerKey = keys.webhookAnswer(tenant, `rotate ${id} ${repeatable?.key ?? rotation}`);
      const args = [
        ...[tenant, rotation, repeatable?.fingerprint ?? '', sealer.seal(secret, keys.webhookEndpoint(id))],
        ...[overlapMs, MOST_EARLIER_SECRETS, sealer.seal(secret, answerKey), ANSWER_KEPT_MS],
      ];
      const reply = await audit.around(
        actor,
        { action: 'rotate_webhook_secret', tenant, detail: { endpoint: id, overlapMs } },
        () => script('rotate', [keys.webhookEndpoint(id), answerKey], args),
        (done) => onlyIf('done')(done) && { outcome: 'rotated' },
      );
      const answered = Answered.parse(reply);
      if (answered.length === 1) return answered[0] === 'none' ? undefined : { outcome: 'key_reused' };
      const [outcome, , sealed] = answered;
      return { outcome, value: { secret: sealer.open(sealed, answerKey) } };
    },

    async secrets(tenant, id) {
      const fields = await orUnavailable(connection.hgetall(keys.webhookEndpoint(id)));
      if (fields.tenant !== tenant) return [];
      const { secret, earlier } = Secrets.parse(fields);
      const [seconds, micros] = await orUnavailable(connection.time());
      const now = Number(seconds) * 1_000 + Number(micros) / 1_000;
      const valid = earlier.filter(({ untilMs }) => untilMs > now);
      return [secret, ...valid.map((each) => each.secret)].map((sealed) =>
        sealer.open(sealed, keys.webhookEndpoint(id)),
      );
    },
  };
  return endpoints;
}

function newSecret(): string {
  return `whsec_${randomBytes(SECRET_BYTES).toString('base64')}`;
}
