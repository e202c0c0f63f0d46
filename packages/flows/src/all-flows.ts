import { orderFlow } from './order/flow.ts';
import type { OrderPorts } from './order/ports.ts';
import { paymentFlow } from './payment/flow.ts';
import { refundFlow } from './refund/flow.ts';

/** Every flow in every version that a run may still be at: what workers run, and what recorded runs are replayed with. */
export function allFlows(ports: OrderPorts) {
  return [orderFlow(ports), paymentFlow(ports), refundFlow(ports)];
}
