export { type AllowList, readAllowList } from './allow-list.ts';
export { webhookAllow } from './allow-variable.ts';
export { createDeliverer, type DelivererOptions } from './deliverer.ts';
export {
  createDeliveries,
  DELIVERY_FLOW,
  DELIVERY_STATUSES,
  type Deliveries,
  type Delivery,
  type DeliveryPage,
  runOfDelivery,
} from './deliveries.ts';
export { type DeliveryPorts, deliveryContract, deliveryFlow, type Try } from './delivery-flow.ts';
export { createDeliveryDesk, type DeliveryDesk } from './desk.ts';
export { checkEvents, type EventsOfFlows, type FlowEvents } from './flow-events.ts';
export { createEndpointGuard, type EndpointGuard, type GuardOptions, type Resolve } from './guard.ts';
export { type HandOverOptions, startHandOver } from './hand-over.ts';
export { EndpointRefusedError } from './refusal.ts';
