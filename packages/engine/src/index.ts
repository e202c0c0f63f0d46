export {
  type Client,
  type ClientOptions,
  createClient,
  type DrawRefusal,
  InvalidInputError,
  InvalidSignalError,
  type ResolveOutcome,
  type Signal,
  type SignalOutcome,
  StoreUnavailableError,
  type SubmitReply,
  type SubmitRequest,
  UnknownFlowError,
} from './client.ts';
export type { DeadRun } from './dead-letters.ts';
export { defineFlow, type Flow, type FlowContext, type FlowContract } from './define-flow.ts';
export { type DurationInput, toMs } from './duration.ts';
export { InDoubtError, RejectedError, StepError, ThrottledError, UnavailableError } from './errors.ts';
export type { InputFault } from './input-faults.ts';
export type { Letter } from './jobs.ts';
export type { Draw } from './journal/journal.ts';
export { DEAD_LETTERS, QUEUE_PREFIX } from './journal/keys.ts';
export { LIMITS, TooLargeError } from './limits.ts';
export type { Log } from './log.ts';
export {
  type DeathGroup,
  type DeathPlace,
  type Overview,
  type OverviewOptions,
  readOverview,
  type WaitingRun,
} from './overview.ts';
export { type QueueDepth, readQueueDepths } from './queue-depths.ts';
export { type Resolution, resultFaults } from './resolution.ts';
export {
  type ErrorRecord,
  type Failure,
  type FailureKind,
  isTerminal,
  type Json,
  RUN_STATUSES,
  type Run,
  type RunEvent,
  type RunStatus,
  type StepState,
  type UndoState,
  type WaitingFor,
  type WaitState,
} from './run.ts';
export { InvalidCursorError, type ListQuery, type RunPage } from './run-list.ts';
export type { ObservedCall, ObservedEnd, RunObserver } from './run-observer.ts';
export type {
  ChildOptions,
  LookUp,
  LookUpFunction,
  RetryPolicy,
  StepCall,
  StepOptions,
  WaitOptions,
} from './step.ts';
export { startWorker, type Worker, type WorkerOptions } from './worker.ts';
