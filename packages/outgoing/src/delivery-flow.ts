import {
  defineFlow,
  type Flow,
  type FlowContext,
  RejectedError,
  type StepCall,
  UnavailableError,
} from '@holdfast/engine';
import { z } from 'zod';
import { DELIVERY_FLOW } from './deliveries.ts';
import { delayAfter, MOST_TRIES } from './schedule.ts';

/** One event for one endpoint. The body is the same on every try. */
export const DeliveryInput = z.strictObject({
  id: z.string(),
  tenant: z.string(),
  endpoint: z.string(),
  event: z.string(),
  body: z.string(),
  /** Somebody waits for it: it is sent to a paused or disabled endpoint as well. */
  always: z.literal(true).optional(),
});
export type DeliveryInput = z.infer<typeof DeliveryInput>;

export const DeliveryOutput = z.strictObject({ status: z.literal('delivered'), tries: z.int() });

export const deliveryContract = {
  name: DELIVERY_FLOW,
  version: 1,
  input: DeliveryInput,
  output: DeliveryOutput,
} as const;

/** What one try to deliver came to. */
export type Try =
  | { readonly kind: 'delivered' }
  | { readonly kind: 'failed'; readonly reason: string; readonly retryAfterMs?: number }
  /** No request was sent: the delivery waits for a place, or until its endpoint is active again, and is called in. */
  | { readonly kind: 'waits' }
  /** There is nobody to deliver to any more. */
  | { readonly kind: 'nobody'; readonly code: string; readonly message: string };

export interface DeliveryPorts {
  /** @param last after a failure it is not tried again by itself */
  tryOnce(delivery: DeliveryInput, last: boolean, call: StepCall): Promise<Try>;
}

/** Tells a delivery that there may be a place for it. */
export const CALLED_IN = 'called-in';
/** Tells a delivery not to wait for its next try any longer. */
export const TRY_NOW = 'try-now';

const FIRST_WAIT_MS = 60_000;
const LONGEST_WAIT_MS = 6 * 60 * 60 * 1_000;
/** Longer than a request, so that the lane hears of its end. */
const TRY_WITHIN = '40s';

/**
 * Delivers one event until it is taken: ten tries over three days. One that was not taken by then has a dead run, and a redrive of it
 * tries once more.
 * @param retryScale multiplies the delays between tries
 */
export function deliveryFlow(ports: DeliveryPorts, retryScale: number): Flow {
  return defineFlow({
    ...deliveryContract,
    async run(ctx, delivery) {
      let tries = 0;
      let waits = 0;
      for (let n = 1; ; n += 1) {
        const tried = await tryOnce(ctx, ports, `try-${n}`, delivery, tries === MOST_TRIES - 1);
        switch (tried.kind) {
          case 'delivered':
            return { status: 'delivered', tries: tries + 1 } as const;
          case 'nobody':
            throw new RejectedError({ code: tried.code, message: tried.message });
          case 'waits':
            waits += 1;
            await atMost(ctx, CALLED_IN, Math.min(FIRST_WAIT_MS * 2 ** (waits - 1), LONGEST_WAIT_MS));
            break;
          case 'failed': {
            tries += 1;
            waits = 0;
            const { retryAfterMs } = tried;
            await atMost(ctx, TRY_NOW, delayAfter({ tries, retryAfterMs }, retryScale, ctx.random()));
            break;
          }
        }
      }
    },
  });
}

/** A failure of the last try buries the run. */
function tryOnce(
  ctx: FlowContext,
  ports: DeliveryPorts,
  name: string,
  delivery: DeliveryInput,
  last: boolean,
): Promise<Try> {
  return ctx.step<Try>(name, {
    run: async (call) => {
      const tried = await ports.tryOnce(delivery, last, call);
      if (last && tried.kind === 'failed')
        throw new UnavailableError({
          code: 'webhook_undelivered',
          message: `${delivery.event} was not taken in ${MOST_TRIES} tries. Last: ${tried.reason}`,
        });
      return tried;
    },
    // the endpoint knows what it has by its webhook-id
    ...{ whenInDoubt: 'repeat', keyLifetime: '3650d', timeout: TRY_WITHIN },
    ...(last && { retry: { attempts: 1 } }),
  });
}

async function atMost(ctx: FlowContext, signal: string, ms: number): Promise<void> {
  try {
    await ctx.waitFor(signal, { timeout: ms });
  } catch (error) {
    if (!(error instanceof RejectedError && error.code === 'signal_timeout')) throw error;
  }
}
