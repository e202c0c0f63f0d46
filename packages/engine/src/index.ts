export type { Client, InputFault, SubmitReply, SubmitRequest } from './client.ts';
export { InvalidInputError, StoreUnavailableError, UnknownFlowError } from './client.ts';
export { defineFlow, type Flow, type FlowContext } from './define-flow.ts';
export { type DurationInput, toMs } from './duration.ts';
export { InDoubtError, RejectedError, StepError, ThrottledError, UnavailableError } from './errors.ts';
export {
  type ErrorRecord,
  type Failure,
  type FailureKind,
  isTerminal,
  type Json,
  type Run,
  type RunStatus,
  type StepState,
  type WaitingFor,
} from './run.ts';
export type { LookUp, RetryPolicy, StepCall, StepOptions } from './step.ts';
