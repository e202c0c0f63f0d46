export {
  type Classify,
  type Client,
  createClient,
  type DurationInput,
  defineFlow,
  type Flow,
  type FlowContext,
  type HoldfastFailure,
  InDoubtError,
  type LookUp,
  MisconfiguredError,
  outcomeOf,
  RejectedError,
  type RetryPolicy,
  type Run,
  type StepCall,
  type StepOptions,
  ThrottledError,
  UnavailableError,
  type WaitOptions,
} from '@holdfast/engine';
export {
  type Authenticate,
  type Caller,
  type Connected,
  connectedLater,
  defineConfig,
  type HoldfastConfig,
  type Provider,
  provider,
} from '@holdfast/project';
export {
  type Action,
  ignore,
  type Mapping,
  type OrderedMapping,
  type Source,
  signal,
  submit,
  type WebhookEvent,
} from '@holdfast/webhooks';
export { createRequestHandler, type RequestHandler, type RequestHandlerOptions } from './request-handler.ts';
export { type EmbeddedWorker, startWorker, type WorkerOptions } from './start-worker.ts';
