import { connectRedis, createLogger } from '@holdfast/app-kit';
import { defineFlow, RejectedError, startWorker } from '@holdfast/engine';
import { type OrderInput, orderContract } from '@holdfast/flows';

export interface TestWorker {
  stop(): Promise<void>;
}

/**
 * A real worker with a flow of the order's name whose only step goes by `paymentMethod`: `pm_declined` and `pm_bug` end badly,
 * `pm_settles` waits for the signal `payment.settled`, whose payload becomes the id of the mail.
 */
export function startTestWorker(redisUrl: string): TestWorker {
  const log = createLogger('worker', 'silent');
  const connection = connectRedis({ urls: [redisUrl] }, { for: 'worker' }, log);
  const flow = defineFlow({
    ...orderContract,
    async run(ctx, order: OrderInput) {
      const { chargeId } = await ctx.step('charge', {
        run: async () => charge(order.paymentMethod),
        undo: async () => {},
        whenInDoubt: 'repeat',
      });
      const messageId =
        order.paymentMethod === 'pm_settles' ? await ctx.waitFor<string>('payment.settled') : '<m1>';
      return { chargeId, reservationId: 'res_1', trackingNumber: 'TRK1', messageId };
    },
  });
  const worker = startWorker({ connection, redisUrls: [redisUrl], flows: [flow], log });
  return {
    stop: async () => {
      await worker.close('1s');
      connection.disconnect();
    },
  };
}

function charge(paymentMethod: string): { chargeId: string } {
  if (paymentMethod === 'pm_declined') {
    throw new RejectedError({ code: 'card_declined', message: 'Your card was declined.' });
  }
  if (paymentMethod === 'pm_bug') throw new TypeError('a mistake in the flow');
  return { chargeId: 'pi_1' };
}
