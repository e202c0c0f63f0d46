import { type Action, ignore, type Source, signal, type WebhookEvent } from '@holdfast/webhooks';

/**
 * What Stripe tells of charges and refunds that settle later. It is a hint: the run that waits asks Stripe for the charge or refund that it
 * holds, so neither the order nor the number of the events matters.
 */
export const stripeWebhooks: Source = {
  scheme: 'stripe',
  on: {
    'payment_intent.succeeded': (event) => settled(event, 'payment.settled'),
    'payment_intent.payment_failed': (event) => settled(event, 'payment.settled'),
    'payment_intent.canceled': (event) => settled(event, 'payment.settled'),
    'refund.updated': (event) => settled(event, 'refund.settled'),
    'refund.failed': (event) => settled(event, 'refund.settled'),
  },
};

/** Charges and refunds carry the run that made them; others are somebody else's. */
function settled({ body, type }: WebhookEvent, name: string): Action {
  const object = memberOf(memberOf(body, 'data'), 'object');
  const run = memberOf(memberOf(object, 'metadata'), 'run');
  const id = memberOf(object, 'id');
  return typeof run === 'string'
    ? signal({ run }, name, { type, id: typeof id === 'string' ? id : null })
    : ignore();
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? Reflect.get(value, name)
    : undefined;
}
