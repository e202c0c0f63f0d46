import { WEBHOOK_FLOW } from '@holdfast/webhooks';

/** Flows of Holdfast's own: nobody asks for their runs, they have no effects at providers, and raise no events. */
export const OWN_FLOWS: ReadonlySet<string> = new Set([WEBHOOK_FLOW, 'webhook-delivery']);
