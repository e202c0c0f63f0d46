import { createHash } from 'node:crypto';
import type { Preflight } from '@holdfast/app-kit';
import { type Client, InvalidInputError, type Run, StoreUnavailableError } from '@holdfast/engine';
import type { AlertEvent } from '@holdfast/operations';
import { time } from '@holdfast/run-view';
import {
  type Delivery,
  faultOf,
  identify,
  type KnownSource,
  keptHeaders,
  WEBHOOK_FLOW,
  WebhookInput,
  type WebhookMemory,
  WebhookOutput,
} from '@holdfast/webhooks';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Counter, type Registry } from 'prom-client';
import { z } from 'zod';
import type { AddressLimit } from '../address-limit.ts';
import { MAX_BODY_BYTES } from '../json-body.ts';
import { principalOf } from '../plugins/authentication.ts';
import { ProblemError } from '../problems.ts';
import { page, readQuery } from '../read-query.ts';

export interface WebhookRoutesOptions {
  readonly client: Client;
  /** By name; as they are now. */
  readonly sources: () => ReadonlyMap<string, KnownSource>;
  readonly memory: WebhookMemory;
  /** Counts deliveries that are refused, by the address that they come from. */
  readonly refusals: AddressLimit | undefined;
  /** Lets people hear of an id that was used for two events. */
  readonly alert: (event: AlertEvent) => Promise<void>;
  readonly preflight: Pick<Preflight, 'assertAdmitted'>;
  readonly metrics: Registry;
}

const STATUSES = ['pending', 'processed', 'ignored', 'skipped', 'failed'] as const;

/** What `GET /v1/webhook-events` takes. */
export const WebhookEventsQuery = z.strictObject({
  source: z.string().min(1).max(63).optional(),
  type: z.string().min(1).max(200).optional(),
  status: z.enum(STATUSES).optional(),
  ...page,
});

const WebhookEventJson = z.strictObject({
  id: z.string().meta({ description: "The sender's." }),
  source: z.string(),
  type: z.string().meta({ description: "The sender's." }),
  receivedAt: time,
  status: z.enum(STATUSES),
  runId: z.string().optional().meta({ description: 'The run that the event was given to.' }),
});

export const WebhookEventListJson = z.strictObject({
  data: z.array(WebhookEventJson),
  nextCursor: z.string().optional(),
});

/** `POST /v1/webhooks/{source}` and `GET /v1/webhook-events`: each event becomes a run of Holdfast's own flow `webhook`, once. */
export async function webhookRoutes(
  app: FastifyInstance,
  { client, sources, memory, refusals, alert, preflight, metrics }: WebhookRoutesOptions,
): Promise<void> {
  const received = new Counter({
    name: 'holdfast_webhooks_total',
    help: 'Webhook deliveries, by source and by what became of them.',
    labelNames: ['source', 'outcome'],
    registers: [metrics],
  });
  // what is signed is the bytes
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    '*',
    { parseAs: 'buffer', bodyLimit: MAX_BODY_BYTES },
    async (_: unknown, body: Buffer) => body,
  );

  app.post<{ Params: { source: string }; Body: Buffer | undefined }>(
    '/v1/webhooks/:source',
    {
      config: { access: 'public' },
      onRequest: async ({ params }) => {
        if (!sources().has(params.source))
          throw new ProblemError('unknown_webhook_source', 'There is no such source of webhooks.');
      },
    },
    async (request) => {
      const source = sources().get(request.params.source);
      // its secrets may have been taken away since the request began
      if (!source) throw new ProblemError('unknown_webhook_source', 'There is no such source of webhooks.');
      assertJson(request);
      const delivery: Delivery = { headers: request.headers, body: request.body ?? Buffer.alloc(0) };
      const refuse = (outcome: string, why: string) => {
        received.inc({ source: source.name, outcome });
        request.log.warn({ source: source.name, address: request.ip, why }, 'a webhook was refused');
      };

      const fault = faultOf(source.scheme, source.secrets, delivery, Date.now());
      if (fault !== undefined) {
        refuse('unverified', fault);
        throw await unverified(request.ip, refusals);
      }
      const identified = identify(source.scheme, delivery);
      if (!identified) {
        refuse('malformed', 'it has no id, no type, or a body that is no JSON object');
        throw new ProblemError(
          'webhook_malformed',
          'The delivery has no id, no type, or a body that is not a JSON object.',
        );
      }
      try {
        preflight.assertAdmitted();
      } catch (error) {
        throw new StoreUnavailableError('the store was not checked yet', error);
      }
      // a signature over the body alone does not protect the id: the same body is the same event
      const id =
        source.scheme === 'generic'
          ? await memory.firstIdOf(source.name, delivery.body, identified.id)
          : identified.id;
      const event = {
        ...{ ...identified, id, source: source.name },
        receivedAt: new Date().toISOString(),
        headers: keptHeaders(request.headers),
      };
      const submitted = await client
        .submit({
          flow: WEBHOOK_FLOW,
          tenant: source.tenant,
          idempotencyKey: `${source.name}:${id}`,
          fingerprint: createHash('sha256').update(delivery.body).digest('hex'),
          input: { tenant: source.tenant, event },
          tags: { source: source.name, ...(asTag(event.type) && { type: event.type }) },
        })
        .catch((error: unknown) => {
          if (!(error instanceof InvalidInputError)) throw error;
          refuse('too_large', error.message);
          throw new ProblemError('body_too_large', 'The event is larger than 256 KiB with its headers.');
        });
      if (submitted.outcome === 'key_reused') {
        refuse('id_reused', `the event ${id} came before with another body`);
        request.log.error(
          { source: source.name, event: id, run: submitted.runId },
          'a webhook id was used for two bodies',
        );
        await alert({ kind: 'webhook_id_reused', source: source.name, id });
        throw new ProblemError(
          'webhook_id_reused',
          `An event with the id ${id} came before, with another body.`,
        );
      }
      request.runId = submitted.run.id;
      received.inc({
        source: source.name,
        outcome: submitted.outcome === 'created' ? 'accepted' : 'duplicate',
      });
      return { received: true };
    },
  );

  app.get('/v1/webhook-events', { config: { access: 'read' } }, async (request, reply) => {
    const { source, type, status, cursor, limit } = readQuery(WebhookEventsQuery, request.query);
    const tag =
      type && asTag(type) ? { name: 'type', value: type } : source && { name: 'source', value: source };
    const found = await client.listRuns(principalOf(request).tenant, {
      ...{ flow: WEBHOOK_FLOW, limit },
      ...(tag && { tag }),
      ...(cursor !== undefined && { cursor }),
    });
    const runs = await Promise.all(found.runs.map((run) => client.withInput(run)));
    const events = runs
      .flatMap(presentEvent)
      .filter(
        (event) =>
          (source === undefined || event.source === source) &&
          (type === undefined || event.type === type) &&
          (status === undefined || event.status === status),
      );
    reply.header('cache-control', 'private, no-store');
    return {
      data: events,
      ...(found.nextCursor !== undefined && { nextCursor: found.nextCursor }),
    } satisfies z.infer<typeof WebhookEventListJson>;
  });
}

function assertJson({ headers }: FastifyRequest): void {
  const encoding = headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity')
    throw new ProblemError(
      'media_type_unsupported',
      'Compressed bodies are not taken: the signature is of the plain bytes.',
    );
  const [type = ''] = (headers['content-type'] ?? '').split(';');
  if (!/^application\/([\w.+-]+\+)?json$/i.test(type.trim()))
    throw new ProblemError('media_type_unsupported', 'Send the event as application/json.');
}

async function unverified(address: string, refusals: AddressLimit | undefined): Promise<ProblemError> {
  const tooManyMs = await refusals?.(address);
  if (tooManyMs === undefined)
    return new ProblemError(
      'webhook_signature_invalid',
      'The signature is missing, wrong, or not of the last 5 minutes.',
    );
  return new ProblemError(
    'rate_limited',
    'This address has sent too many webhooks that could not be verified.',
    {
      headers: { 'retry-after': String(Math.ceil(tooManyMs / 1_000)) },
    },
  );
}

/** Whether it can be the value of a tag. */
function asTag(text: string): boolean {
  return /^[!-+\--~]{1,100}$/.test(text);
}

function presentEvent(run: Run): z.infer<typeof WebhookEventJson>[] {
  const input = WebhookInput.safeParse(run.input);
  if (!input.success) return [];
  const { id, source, type, receivedAt } = input.data.event;
  return [{ id, source, type, receivedAt, ...becameOf(run) }];
}

function becameOf(run: Run): Pick<z.infer<typeof WebhookEventJson>, 'status' | 'runId'> {
  switch (run.status) {
    case 'completed': {
      const { status, runId } = WebhookOutput.parse(run.output);
      return { status, ...(runId !== undefined && { runId }) };
    }
    case 'failed':
    case 'cancelled':
    case 'dead':
      return { status: 'failed' };
    default:
      return { status: 'pending' };
  }
}
