export {
  type CallbackCompletion,
  type CallbackOutcome,
  type CancelOutcome,
  type Client,
  type ClientOptions,
  createClient,
  type DrawRefusal,
  InvalidInputError,
  InvalidSignalError,
  InvalidSubmissionError,
  type RedriveOutcome,
  type ResolveReply,
  type Signal,
  type SignalOutcome,
  type SubmitReply,
  type SubmitRequest,
  UnknownFlowError,
} from './client.ts';
export type { CallEvent, CallOutcome, RequestSeen } from './contract/call.ts';
export {
  defineFlow,
  type Flow,
  type FlowContext,
  type FlowContract,
  type Lane,
} from './contract/define-flow.ts';
export { type DurationInput, toMs } from './contract/duration.ts';
export {
  InDoubtError,
  MisconfiguredError,
  RejectedError,
  StepError,
  ThrottledError,
  UnavailableError,
} from './contract/errors.ts';
export { type Classify, failureOf } from './contract/failures/failure-of.ts';
export { outcomeOf } from './contract/failures/outcome-of.ts';
export type { HoldfastFailure } from './contract/failures/shape.ts';
export type { InputFault } from './contract/input-faults.ts';
export { LIMITS, TooLargeError } from './contract/limits.ts';
export type { Log } from './contract/log.ts';
export { type PayloadCodec, type PayloadPlace, UnreadablePayloadError } from './contract/payload-codec.ts';
export { redactShapes } from './contract/redact-shapes.ts';
export type { Retention } from './contract/retention.ts';
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
  type Tags,
  type UndoState,
  type WaitingFor,
  type WaitState,
  type Warning,
} from './contract/run.ts';
export type { SetOptions, State, StateCondition, StateEntry, StateSealer } from './contract/state.ts';
export type {
  Callback,
  CallbackOptions,
  ChildOptions,
  LookUp,
  LookUpFunction,
  NextAction,
  OptionalStepOptions,
  RetryPolicy,
  StepCall,
  StepOptions,
  WaitOptions,
} from './contract/step.ts';
export { childOfSignal, referenceOf } from './journal/identity.ts';
export type { Draw, Look, Payloads } from './journal/journal.ts';
export { DEAD_LETTERS, QUEUE_PREFIX, type Reference, runIdOf } from './journal/keys.ts';
export { type Pause, type PauseOf, pauseOver } from './journal/pauses.ts';
export type { Resolution } from './journal/resolution.ts';
export { type Fleet, lackOf, readFleet, type Stranded } from './observe/fleet.ts';
export {
  type DeathGroup,
  type DeathPlace,
  type Overview,
  type OverviewOptions,
  readOverview,
  type WaitingRun,
} from './observe/overview.ts';
export { type QueueDepth, readQueueDepths } from './observe/queue-depths.ts';
export { InvalidCursorError, type ListQuery, type RunPage } from './observe/run-list.ts';
export type { ObservedCall, ObservedEnd, RunObserver } from './observe/run-observer.ts';
export { StateError } from './observe/state.ts';
export { type DueEvent, type TenantEvent, type TenantEvents, tenantEvents } from './observe/tenant-events.ts';
export { readUsage, type TenantUsage, type Usage } from './observe/tenant-usage.ts';
export { orUnavailable, StoreUnavailableError } from './or-unavailable.ts';
export { CORRELATED } from './queue/correlations.ts';
export type { DeadRun } from './queue/dead-letters.ts';
export type { Letter } from './queue/jobs.ts';
export { cronFault, fireTimeText } from './schedules/cron.ts';
export {
  isScheduleName,
  OVERLAPS,
  type Overlap,
  type Schedule,
  type ScheduleDefinition,
} from './schedules/schedule.ts';
export {
  createSchedules,
  InvalidScheduleError,
  type NewSchedule,
  type Schedules,
  type SchedulesOptions,
  type ScheduleWithTimes,
  scheduleFaults,
} from './schedules/schedules.ts';
export { startWorker, type Worker, type WorkerOptions } from './worker.ts';
