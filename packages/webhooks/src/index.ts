export { type Action, ignore, type SignalTo, signal, submit } from './actions.ts';
export { identify, keptHeaders, type WebhookEvent } from './event.ts';
export { type WebhookMemory, webhookMemory } from './memory.ts';
export { type Delivery, faultOf, type Headers, SCHEMES, type Scheme } from './schemes.ts';
export {
  checkSources,
  type KnownSource,
  type Mapping,
  type OrderedMapping,
  type ReadSources,
  readSources,
  type Source,
  type Sources,
  sourceNames,
} from './sources.ts';
export {
  WEBHOOK_FLOW,
  WebhookInput,
  WebhookOutput,
  type WebhookPorts,
  webhookContract,
  webhookFlow,
} from './webhook-flow.ts';
