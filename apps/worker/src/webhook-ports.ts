import { createHash } from 'node:crypto';
import {
  createClient,
  type FlowContract,
  InvalidInputError,
  type Json,
  type PayloadCodec,
  RejectedError,
  UnknownFlowError,
} from '@holdfast/engine';
import type { Alerts } from '@holdfast/operations';
import type { RedisConnection } from '@holdfast/redis';
import { WEBHOOK_FLOW, type WebhookPorts, webhookMemory } from '@holdfast/webhooks';

export interface WebhookPortsOptions {
  readonly connection: RedisConnection;
  /** Those of the project. */
  readonly flows: readonly FlowContract[];
  readonly codec: PayloadCodec | undefined;
  /** Flows whose runs are accepted by routes of their own alone. */
  readonly elsewhere: ReadonlySet<string>;
  readonly alerts: Alerts | undefined;
}

/** What handling webhooks needs, of the system that this worker is part of. */
export function webhookPorts({
  connection,
  flows,
  codec,
  elsewhere,
  alerts,
}: WebhookPortsOptions): WebhookPorts {
  const client = createClient({ connection, flows, codec });
  const memory = webhookMemory(connection);
  return {
    isLatest: memory.isLatest,
    correlatedRun: client.correlatedRun,

    async submit(tenant, flow, input, idempotencyKey) {
      if (flow === WEBHOOK_FLOW || elsewhere.has(flow))
        throw refused('flow_not_submittable', `runs of the flow "${flow}" are not accepted from a webhook`);
      const request = { tenant, flow, input, idempotencyKey, fingerprint: fingerprintOf(input) };
      const submitted = await client.submit(request).catch((error: unknown) => {
        if (error instanceof InvalidInputError || error instanceof UnknownFlowError)
          throw refused(error.code, error.message);
        throw error;
      });
      if (submitted.outcome !== 'key_reused') return submitted.run.id;
      throw refused(
        'idempotency_key_reused',
        `the key "${idempotencyKey}" was used with another input, for the run ${submitted.runId}`,
      );
    },

    async signal(tenant, runId, signal) {
      const outcome = await client.signal(tenant, runId, signal);
      switch (outcome) {
        case 'delivered':
        case 'repeated':
          return 'delivered';
        case 'run_finished':
        case 'generation_ended':
          return 'late';
        case 'too_many':
        case 'too_large':
          throw refused('signals_too_large', `the run ${runId} keeps as many signals as it may`);
        case undefined:
          return 'unknown';
      }
    },

    mappingFailed({ source, type, id }) {
      void alerts?.raise({ kind: 'webhook_failed', source, type, id });
    },
  };
}

function refused(code: string, message: string): RejectedError {
  return new RejectedError({ code, message });
}

function fingerprintOf(input: Json): string {
  return createHash('sha256').update(JSON.stringify(input)).digest('hex');
}
