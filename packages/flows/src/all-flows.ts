import type { FlowContract } from '@holdfast/engine';
import { orderContract, orderFlow } from './order/flow.ts';
import type { OrderPorts } from './order/ports.ts';
import { orderContractV1, orderFlowV1 } from './order/v1.ts';
import { paymentContract, paymentFlow } from './payment/flow.ts';
import { paymentContractV1, paymentFlowV1 } from './payment/v1.ts';
import { refundContract, refundFlow } from './refund/flow.ts';
import { refundContractV1, refundFlowV1 } from './refund/v1.ts';

/** Every flow in every version that a run may still be at: what workers run, and what recorded runs are replayed with. */
export function allFlows(ports: OrderPorts) {
  return [
    ...[orderFlow(ports), paymentFlow(ports), refundFlow(ports)],
    ...[orderFlowV1(ports), paymentFlowV1(ports), refundFlowV1(ports)],
  ];
}

/** What who submits runs needs to know of them. */
export const CONTRACTS: readonly FlowContract[] = [orderContract, paymentContract, refundContract];

/** The same of every version that a run may still be at: for people who answer for what is in doubt. */
export const ALL_CONTRACTS: readonly FlowContract[] = [
  ...CONTRACTS,
  ...[orderContractV1, paymentContractV1, refundContractV1],
];
