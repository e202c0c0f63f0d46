import { randomUUID } from 'node:crypto';
import type { Client, Log } from '@holdfast/engine';
import type { WebhookEndpoints } from '@holdfast/operations';
import { type Deliveries, runOfDelivery, type Tried } from './deliveries.ts';
import { CALLED_IN, type DeliveryPorts, type Try } from './delivery-flow.ts';
import type { EndpointGuard } from './guard.ts';
import { type Answer, send } from './send.ts';

export interface DelivererOptions {
  readonly deliveries: Deliveries;
  readonly endpoints: Pick<WebhookEndpoints, 'get' | 'secrets'>;
  readonly guard: Pick<EndpointGuard, 'agent'>;
  /** Its flows need not include any; it wakes deliveries. */
  readonly client: Pick<Client, 'signal'>;
  /** An endpoint was paused after days without a success, or has disabled itself with 410. */
  readonly onEndpoint: (event: {
    readonly tenant: string;
    readonly endpoint: string;
    readonly became: 'paused' | 'disabled';
  }) => void;
  readonly log: Log;
  /** Default: 15 s. */
  readonly timeoutMs?: number;
}

/** What tries need: a place in the endpoint's lane, one request, and a note of how it went. */
export function createDeliverer(options: DelivererOptions): DeliveryPorts {
  const { deliveries, endpoints, guard, client, onEndpoint, log, timeoutMs } = options;

  return {
    async tryOnce(delivery, last, signal) {
      const { id, tenant, endpoint: endpointId, event } = delivery;
      const entered = await deliveries.enter({ id, tenant, endpoint: endpointId }, delivery.always === true);
      if (entered !== 'go') return notEntered(entered);
      const endpoint = await endpoints.get(tenant, endpointId);
      if (!endpoint) return notEntered('deleted');
      const secrets = await endpoints.secrets(tenant, endpointId);
      const answer = await send(guard, { id, url: endpoint.url, body: delivery.body, secrets }, signal, timeoutMs);
      const tried = triedBy(answer, last);
      const { became, calledIn } = await deliveries.leave({ id, endpoint: endpointId }, tried);
      log.info(
        { delivery: id, endpoint: endpointId, event, outcome: tried.outcome, status: tried.lastStatus },
        'a webhook was sent',
      );
      if (became) {
        log.warn({ endpoint: endpointId, became }, 'an endpoint gets no webhooks any more');
        onEndpoint({ tenant, endpoint: endpointId, became });
      }
      await callIn(client, tenant, calledIn);
      return resultOf(answer, tried);
    },
  };
}

/** Tells deliveries that there may be a place for them. One that cannot be told comes by itself, later. */
export async function callIn(
  client: Pick<Client, 'signal'>,
  tenant: string,
  deliveries: readonly string[],
): Promise<void> {
  const signal = () => ({ id: `${CALLED_IN}.${randomUUID()}`, name: CALLED_IN, payload: null });
  await Promise.all(deliveries.map((id) => client.signal(tenant, runOfDelivery(id), signal())));
}

function notEntered(why: 'full' | 'paused' | 'disabled' | 'deleted'): Try {
  switch (why) {
    case 'full':
    case 'paused':
      return { kind: 'waits', forPlace: why === 'full' };
    case 'disabled':
      return { kind: 'nobody', code: 'webhook_endpoint_disabled', message: 'The endpoint is disabled.' };
    case 'deleted':
      return { kind: 'nobody', code: 'webhook_endpoint_deleted', message: 'The endpoint was deleted.' };
  }
}

function triedBy(answer: Answer, last: boolean): Tried {
  const failed = last ? 'given_up' : 'failed';
  const { latencyMs } = answer;
  if (answer.kind === 'unanswered')
    return { outcome: failed, slow: answer.timedOut, latencyMs, lastError: answer.reason };
  const { status, excerpt } = answer;
  const seen = {
    ...{ slow: false, latencyMs, lastStatus: status },
    ...(excerpt !== '' && { responseExcerpt: excerpt }),
  };
  if (status >= 200 && status < 300) return { outcome: 'delivered', ...seen };
  const lastError = status === 410 ? 'The endpoint wants no webhooks any more (410).' : saidNo(status);
  return { outcome: status === 410 ? 'gone' : failed, lastError, ...seen };
}

function saidNo(status: number): string {
  return status >= 300 && status < 400
    ? `The endpoint answered ${status}. Redirects are not followed.`
    : `The endpoint answered ${status}.`;
}

function resultOf(answer: Answer, { outcome, lastError = '' }: Tried): Try {
  switch (outcome) {
    case 'delivered':
      return { kind: 'delivered' };
    case 'gone':
      return { kind: 'nobody', code: 'webhook_endpoint_disabled', message: lastError };
    case 'failed':
    case 'given_up': {
      const retryAfterMs = answer.kind === 'answered' ? answer.retryAfterMs : undefined;
      return { kind: 'failed', reason: lastError, ...(retryAfterMs !== undefined && { retryAfterMs }) };
    }
  }
}

