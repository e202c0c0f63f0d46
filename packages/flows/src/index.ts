export { allFlows } from './all-flows.ts';
export { Amount, Currency, MAX_AMOUNT } from './money.ts';
export { orderContract, orderFlow } from './order/flow.ts';
export type { Email, Inventory, Label, OrderPorts, Shipping } from './order/ports.ts';
export { Address, Item, OrderInput, OrderOutput, totalOf } from './order/schema.ts';
export { PaymentInput, PaymentOutput, paymentContract, paymentFlow } from './payment/flow.ts';
export type { ChargeRequest, Payments } from './payments.ts';
export { RefundInput, RefundOutput, refundContract, refundFlow } from './refund/flow.ts';
