import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Client, Log } from '@holdfast/engine';
import type { WebhookEndpoints } from '@holdfast/operations';
import { type Deliveries, type Entered, runOfDelivery, type Tried } from './deliveries.ts';
import { CALLED_IN, type DeliveryInput, type DeliveryPorts, type Try } from './delivery-flow.ts';
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

const LOOKS_FOR_PLACE = 20;
const LOOKS_EVERY_MS = 50;

/** What tries need: a place in the endpoint's lane, one request, and a note of how it went. */
export function createDeliverer(options: DelivererOptions): DeliveryPorts {
  const { deliveries, endpoints, guard, client, onEndpoint, log, timeoutMs } = options;

  return {
    async tryOnce(delivery, last, { signal }) {
      const { id, tenant, endpoint: endpointId, event } = delivery;
      const entered = await enter(deliveries, delivery, signal);
      if (entered !== 'go') return notEntered(entered);
      const endpoint = await endpoints.get(tenant, endpointId);
      if (!endpoint) return notEntered('deleted');
      const secrets = await endpoints.secrets(tenant, endpointId);
      const answer = await send(
        guard,
        { id, url: endpoint.url, body: delivery.body, secrets },
        signal,
        timeoutMs,
      );
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

/** A place that an endpoint that answers gives back any moment is waited for here; for longer, the run leaves its worker. */
async function enter(deliveries: Deliveries, delivery: DeliveryInput, signal: AbortSignal): Promise<Entered> {
  const always = delivery.always === true;
  for (let left = LOOKS_FOR_PLACE; left > 0; left -= 1) {
    const entered = await deliveries.enter(delivery, { always, queue: false });
    if (entered !== 'full') return entered;
    await delay(LOOKS_EVERY_MS, undefined, { signal });
  }
  return deliveries.enter(delivery, { always, queue: true });
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

function notEntered(why: Exclude<Entered, 'go'>): Try {
  switch (why) {
    case 'full':
    case 'slow':
    case 'paused':
      return { kind: 'waits' };
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
