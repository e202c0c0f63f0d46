export { orderContract, orderFlow } from './order/flow.ts';
export type {
  ChargeRequest,
  Email,
  Inventory,
  Label,
  OrderPorts,
  Payments,
  Shipping,
} from './order/ports.ts';
export { Address, Item, MAX_AMOUNT, OrderInput, OrderOutput, totalOf } from './order/schema.ts';
