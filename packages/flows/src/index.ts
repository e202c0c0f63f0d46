export { ALL_CONTRACTS, allFlows, CONTRACTS } from './all-flows.ts';
export { type Mailbox, readMailbox } from './mailbox.ts';
export { Amount, amountFault, Currency, LARGEST_AMOUNT, MAX_AMOUNT } from './money.ts';
export { orderContract, orderFlow } from './order/flow.ts';
export type { Email, Inventory, Label, OrderPorts, Shipping } from './order/ports.ts';
export { Address, Item, OrderInput, OrderOutput, totalOf } from './order/schema.ts';
export { paymentContract, paymentFlow } from './payment/flow.ts';
export { PaymentInput, PaymentOutput } from './payment/schema.ts';
export type {
  Charge,
  ChargedAmount,
  ChargeRequest,
  Payments,
  PaymentsOfVersion1,
  Refund,
} from './payments.ts';
export { refundContract, refundFlow } from './refund/flow.ts';
export { RefundInput, RefundOutput } from './refund/schema.ts';
