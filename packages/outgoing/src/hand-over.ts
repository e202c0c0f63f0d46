import {
  type Client,
  type DueEvent,
  type FlowContract,
  isTerminal,
  type Json,
  type Log,
  type Run,
  type TenantEvent,
  type TenantEvents,
} from '@holdfast/engine';
import type { WebhookEndpoint, WebhookEndpoints } from '@holdfast/operations';
import { callIn } from './deliverer.ts';
import { DELIVERY_FLOW, type Deliveries, deliveryIdOf, runOfDelivery } from './deliveries.ts';
import type { DeliveryInput } from './delivery-flow.ts';
import { asItStood, boundedBodyOf } from './event-body.ts';
import { type EventsOfFlows, fits, typesOf } from './flow-events.ts';

export interface HandOverOptions {
  readonly events: TenantEvents;
  readonly deliveries: Deliveries;
  readonly endpoints: Pick<WebhookEndpoints, 'list'>;
  /** Knows the flow of deliveries. */
  readonly client: Pick<Client, 'getRun' | 'withInput' | 'submit' | 'rerun' | 'redrive' | 'signal'>;
  /** Those of the project, for what a step in doubt would have returned. */
  readonly flows: readonly FlowContract[];
  readonly eventsOfFlows: EventsOfFlows;
  /** Redis can be asked now. */
  readonly ready: () => boolean;
  readonly log: Log;
}

const LOOK_EVERY_MS = 250;
const BATCH = 50;
/** What was not handed over by then is given to another worker. */
const LEASE_MS = 10_000;
const LANES_EVERY_MS = 1_000;

/**
 * Gives events to endpoints: a delivery, and a run that carries it, for each. Each worker has one; they share the work. An event that a
 * dead worker had is taken by another, and what it had done already is found done.
 */
export function startHandOver(options: HandOverOptions): { close(): Promise<void> } {
  const { events, deliveries, client, ready, log } = options;
  let closed = false;
  let timer: NodeJS.Timeout | undefined;
  let lanesAt = 0;

  const look = async (): Promise<void> => {
    if (!ready()) return;
    for (let taken = BATCH; taken === BATCH && !closed; ) {
      const due = await events.takeDue(BATCH, LEASE_MS);
      taken = due.length;
      const endpoints = endpointsOnce(options);
      await Promise.all(due.map((each) => handOver(options, endpoints, each)));
    }
    if (performance.now() < lanesAt) return;
    lanesAt = performance.now() + LANES_EVERY_MS;
    for (const { tenant, id } of await deliveries.lookAfterLanes()) await callIn(client, tenant, [id]);
  };

  let looking: Promise<void> = Promise.resolve();
  const lookSoon = (): void => {
    if (closed) return;
    timer = setTimeout(() => {
      looking = look()
        .catch((error: unknown) => {
          if (!closed) log.warn({ err: error }, 'events could not be handed over; tried again soon');
        })
        .finally(lookSoon);
    }, LOOK_EVERY_MS);
  };
  lookSoon();

  return {
    async close() {
      closed = true;
      clearTimeout(timer);
      await looking;
    },
  };
}

type ReadEndpoints = (tenant: string) => Promise<readonly WebhookEndpoint[]>;

/** Read once for all events of a batch. */
function endpointsOnce({ endpoints }: HandOverOptions): ReadEndpoints {
  const read = new Map<string, Promise<WebhookEndpoint[]>>();
  const all = async (tenant: string) => {
    const found: WebhookEndpoint[] = [];
    let cursor: string | undefined;
    do {
      const page = await endpoints.list(tenant, { cursor, limit: 100 });
      found.push(...page.data);
      cursor = page.nextCursor;
    } while (cursor !== undefined);
    return found;
  };
  return (tenant) => {
    const known = read.get(tenant) ?? all(tenant);
    read.set(tenant, known);
    return known;
  };
}

async function handOver(options: HandOverOptions, endpoints: ReadEndpoints, due: DueEvent): Promise<void> {
  const { event, only } = due;
  try {
    const [all, at] = await Promise.all([endpoints(event.tenant), options.events.timeOf(event)]);
    const collecting = all.filter(({ id, status, createdAt }) => {
      if (status === 'disabled') return false;
      // what was before an endpoint is for a replay to send
      return only ? id === only.subscriber : createdAt <= (at ?? Number.POSITIVE_INFINITY);
    });
    for (const type of only ? [only.as] : typesOf(options.eventsOfFlows, event)) {
      const wanting = collecting.filter(({ events }) => only || fits(events, type));
      if (wanting.length > 0) await deliver(options, due, { type, at }, wanting);
    }
    await options.events.handedOver(due);
  } catch (error) {
    // its lease runs out, and it is handed over again
    options.log.warn(
      { err: error, run: event.runId, event: event.type },
      'an event could not be handed over',
    );
  }
}

async function deliver(
  options: HandOverOptions,
  { event, only }: DueEvent,
  as: { readonly type: string; readonly at: number | undefined },
  endpoints: readonly WebhookEndpoint[],
): Promise<void> {
  const { client, flows } = options;
  const { type } = as;
  const { tenant, runId, generation, nth } = event;
  const run = await client.getRun(tenant, runId);
  // it has expired: there is nothing to tell any more
  if (!run) return;
  const more = await dataOf(options, event, type, run);
  if (!more) return;
  const at = as.at ?? run.updatedAt;
  const body = boundedBodyOf(asItStood(run, event, at, flows), { type, at }, more);
  for (const { id: endpoint } of endpoints) {
    const key = [endpoint, type, runId, generation, nth].join(':');
    const id = deliveryIdOf(tenant, key);
    const started = await startDelivery(options, { id, tenant, endpoint, event: type, body }, runId, key);
    if (only !== undefined && started === 'known') await sendAgain(options, tenant, id);
  }
}

/** @returns undefined: this end of a run means nothing after all */
async function dataOf(
  { eventsOfFlows, events, client }: HandOverOptions,
  event: TenantEvent,
  type: string,
  run: Run,
): Promise<Readonly<Record<string, Json>> | undefined> {
  if (type !== event.type) {
    const find = async (runId: string) => {
      const found = await client.getRun(event.tenant, runId);
      return found && client.withInput(found);
    };
    return eventsOfFlows[event.flow]?.data(await client.withInput(run), find);
  }
  if (type.startsWith('run.')) return {};
  return { payload: (await events.payloadOf(event)) ?? null };
}

/** Notes a delivery and starts the run that carries it; done twice it is one. */
export async function startDelivery(
  { deliveries, client }: Pick<HandOverOptions, 'deliveries'> & { readonly client: Pick<Client, 'submit'> },
  delivery: DeliveryInput,
  runId: string | undefined,
  idempotencyKey: string,
): Promise<'created' | 'known'> {
  const { id, tenant, endpoint, event } = delivery;
  const about = runId !== undefined && { runId };
  const created = await deliveries.create({ id, tenant, endpoint, event, ...about });
  await client.submit({
    ...{ flow: DELIVERY_FLOW, tenant, input: delivery, idempotencyKey },
    // the first body counts: a run that was redriven since would make another one
    fingerprint: idempotencyKey,
  });
  return created;
}

/** What was taken, or given up, is sent once more; what is under way goes on. */
export async function sendAgain(
  {
    client,
    deliveries,
  }: { readonly deliveries: Deliveries; readonly client: Pick<Client, 'getRun' | 'rerun' | 'redrive'> },
  tenant: string,
  id: string,
): Promise<'sent_again' | 'under_way' | undefined> {
  const run = await client.getRun(tenant, runOfDelivery(id), { input: false });
  if (!run) return undefined;
  if (run.status !== 'dead' && !isTerminal(run.status)) return 'under_way';
  await deliveries.reopen(id);
  await (run.status === 'dead' ? client.redrive(tenant, run.id) : client.rerun(tenant, run.id));
  return 'sent_again';
}
