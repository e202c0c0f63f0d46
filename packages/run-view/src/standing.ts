import {
  type CallEvent,
  childOfSignal,
  type Failure,
  type Pause,
  type Run,
  type StepState,
  type WaitingFor,
} from '@holdfast/engine';
import { counted, inWords, listed, moment, phrase } from './words.ts';

export interface AsOf {
  /** Unix milliseconds; the run's own times are on Redis' clock. */
  readonly now: number;
  /** What no live worker has, of what the run needs to go on. Default: nothing is known to be missing. */
  readonly lacks?: 'flow' | 'version' | undefined;
  /** What keeps it from beginning, where that is known. */
  readonly pause?: Pause | undefined;
}

/** True for a run that was asked to cancel and has not ended yet. */
export function isCancelRequested(run: Run): boolean {
  return !('finishedAt' in run) && run.events.some(({ kind }) => kind === 'cancel_requested');
}

/** How a run that is being undone will end. */
export function willEnd(run: Run): 'failed' | 'cancelled' | undefined {
  if (run.status === 'compensating') return run.error ? 'failed' : 'cancelled';
  return isCancelRequested(run) && run.status !== 'dead' ? 'cancelled' : undefined;
}

/** Where a run stands and why, in a sentence or two. It tells nothing but what the run's record says, and no payload. */
export function standing(run: Run, { now, lacks, pause }: AsOf): string {
  switch (run.status) {
    case 'pending':
      return pending(run, now, lacks) + (hasBegun(run) ? '' : paused(run, pause, now)) + cancelNote(run);
    case 'running':
      return running(run, now) + missing(run, lacks) + cancelNote(run);
    case 'suspended':
      if (run.waitingFor.kind === 'paused')
        return `Has not begun yet.${paused(run, pause, now)}${missing(run, lacks)}${cancelNote(run)}`;
      return waiting(run, run.waitingFor, now) + missing(run, lacks) + cancelNote(run);
    case 'compensating': {
      const why = run.error ? `${place(run.error)} failed: ${reason(run.error)}` : 'it was asked to cancel';
      const waits = run.waitingFor ? ` ${waiting(run, run.waitingFor, now)}` : '';
      return `Undoes what was done, because ${why}.${undone(run)}${waits}${missing(run, lacks)} ${ends(run)}`;
    }
    case 'completed':
      return `Completed in ${took(run, run.finishedAt)}${troubles(run)}.`;
    case 'failed':
      return `Failed${run.error.step ? ` at ${run.error.step}` : ''}: ${reason(run.error)}.${left(run)}`;
    case 'cancelled':
      return `Cancelled.${left(run)}`;
    case 'dead':
      return `Dead since ${moment(diedAt(run), now)}: ${death(run, run.error)}.${left(run)}`;
  }
}

/** Of a run that has not begun and, as far as is known, must not. */
function paused(run: Run, pause: AsOf['pause'], now: number): string {
  if (pause) return ` ${pauseText(pause, now)} It begins once that is resumed.`;
  if (run.status !== 'suspended') return '';
  return ` ${run.flow} was paused for tenant ${run.tenant} and is resumed; it begins any moment.`;
}

function hasBegun(run: Run): boolean {
  return run.steps.length > 0 || run.waits.length > 0 || run.events.length > 0;
}

/** What is paused, for whom and since when, in a sentence. */
export function pauseText({ tenant, flow, at, by }: Pause, now: number): string {
  const what =
    flow === undefined
      ? `Tenant ${tenant} is paused`
      : `${flow} is paused for ${tenant === undefined ? 'all tenants' : `tenant ${tenant}`}`;
  return `${what} since ${moment(at, now)}, by ${by}.`;
}

/** When a run that is dead died last. */
export function diedAt(run: Run): number {
  return run.events.findLast(({ kind }) => kind === 'died')?.at ?? run.updatedAt;
}

/** Of a run that no worker would take. */
function missing({ flow, version }: Run, lacks: AsOf['lacks']): string {
  if (lacks === undefined) return '';
  return lacks === 'flow' ? ` No live worker runs ${flow}.` : ` No worker has ${flow}@${version}.`;
}

function cancelNote(run: Run): string {
  return isCancelRequested(run)
    ? ' Cancel requested: no further step starts; what was done is undone, and it ends as cancelled.'
    : '';
}

function ends(run: Run): string {
  if (willEnd(run) === 'cancelled') return 'It ends as cancelled.';
  return isCancelRequested(run)
    ? 'Cancel requested as well; it had failed before that, so it ends as failed, with the same undone.'
    : 'It ends as failed.';
}

function pending(run: Run, now: number, lacks: AsOf['lacks']): string {
  const worker =
    lacks === undefined
      ? 'waits for a worker.'
      : lacks === 'flow'
        ? `no live worker runs ${run.flow}.`
        : `no worker has ${run.flow}@${run.version}.`;
  const back = run.events.findLast(({ kind }) => kind === 'redriven' || kind === 'resolved');
  if (back) return `Ready to go on since it was ${back.kind}, ${inWords(now - back.at)} ago; ${worker}`;
  if (run.steps.length > 0) return `Ready to go on for ${inWords(now - run.updatedAt)}; ${worker}`;
  const since = `${inWords(now - run.updatedAt)} ago`;
  return run.generation > 1 ? `Started afresh ${since}; ${worker}` : `Accepted ${since}; ${worker}`;
}

function running(run: Run, now: number): string {
  const open = run.steps.filter(({ status }) => status === 'running' || status === 'in_doubt');
  const done = namesOf(run, 'completed');
  const sofar = done.length > 0 ? ` Done: ${listed(done)}.` : '';
  if (open.length === 0) return `Runs, for ${inWords(now - startOf(run))}.${sofar}`;
  const doing = open.map(({ name, attempts }) => (attempts > 1 ? `${name}, attempt ${attempts}` : name));
  return `Runs ${listed(doing)}, for ${inWords(now - startOf(run))}.${sofar}`;
}

function waiting(run: Run, waitingFor: WaitingFor, now: number): string {
  const until = waitingFor.until;
  const inTime = until === undefined ? '' : until > now ? ` in ${inWords(until - now)}` : ' now';
  switch (waitingFor.kind) {
    case 'retry': {
      const failed = attemptsOf(run, waitingFor.step);
      return `Waits for ${waitingFor.step}: retry ${failed}${inTime}${after(run, waitingFor.step)}.`;
    }
    case 'throttle':
      return `Waits for ${waitingFor.step}: its provider takes no more for now; tried again${inTime}.`;
    case 'timer':
      return until === undefined || until <= now
        ? 'Slept, and is about to go on.'
        : `Sleeps for another ${inWords(until - now)}, until ${moment(until, now)}.`;
    case 'start':
      return until === undefined || until <= now
        ? 'Is about to start.'
        : `Starts in ${inWords(until - now)}, at ${moment(until, now)}.`;
    case 'lane':
      return 'Waits for a place: as many runs of its lane or tenant are running as may.';
    case 'paused':
      return `Waits until ${run.flow} is resumed.`;
    case 'callback':
    case 'signal': {
      const child = childOfSignal(waitingFor.name);
      const what =
        child === undefined ? `the ${waitingFor.kind} ${waitingFor.name}` : `its child run ${child}`;
      if (until === undefined) return `Waits for ${what}.`;
      return `Waits for ${what}, for another ${inWords(Math.max(0, until - now))} at most.`;
    }
  }
}

function death(run: Run, error: Failure): string {
  const step = error.step ?? 'a step';
  switch (error.kind) {
    case 'exhausted':
      return `${step} failed in ${counted(attemptsOf(run, error.step), 'attempt')}; the last time: ${reason(error)}`;
    case 'in_doubt':
      return `nobody knows whether ${step} happened: ${reason(error)}`;
    case 'bug':
      return `the flow's own code failed${error.step ? ` at ${error.step}` : ''}: ${reason(error)}`;
    case 'poison':
      return 'it ended its worker again and again';
    case 'incompatible_flow':
      return `the flow's code no longer fits what the run has recorded: ${reason(error)}`;
    case 'misconfigured':
      return `${step} was refused because of how we are set up there, not because of the order: ${reason(error)}`;
    case 'compensation_failed':
      return `${step} could not be undone: ${reason(error)}`;
    case 'rejected':
      return reason(error);
  }
}

/** What stands in the world, what was taken back, and what nobody knows of. */
function left(run: Run): string {
  const stands = namesOf(run, 'completed');
  const doubts = namesOf(run, 'in_doubt');
  // a death by doubt has said so already
  const told = run.status === 'dead' && run.error.kind === 'in_doubt' ? run.error.step : undefined;
  const untold = doubts.filter((name) => name !== told);
  const standing = stands.length > 0 ? ` Done and standing: ${listed(stands)}.` : '';
  const inDoubt = untold.length > 0 ? ` In doubt: ${listed(untold)}.` : '';
  const all = `${standing}${undone(run)}${inDoubt}`;
  return all === '' ? ` Nothing ${doubts.length > 0 ? 'else ' : ''}was done.` : all;
}

function undone(run: Run): string {
  const names = namesOf(run, 'compensated');
  return names.length > 0 ? ` Undone: ${listed(names)}.` : '';
}

function namesOf(run: Run, status: StepState['status']): string[] {
  return run.steps.filter((step) => step.status === status).map(({ name }) => name);
}

/** A call that was made and did not do what it should. */
function failed({ outcome, putOff, what }: CallEvent): boolean {
  return !putOff && what !== 'look_up' && outcome !== 'ok' && outcome !== 'cut_off';
}

function troubles(run: Run): string {
  const crashes = run.events.filter(({ kind }) => kind === 'taken_over').length;
  const failures = run.events.filter((event) => event.kind === 'call' && failed(event)).length;
  const redrives = run.events.filter(({ kind }) => kind === 'redriven' || kind === 'resolved').length;
  const survived = [
    ...(crashes > 0 ? [`${counted(crashes, 'lost worker')}`] : []),
    ...(failures > 0 ? [`${counted(failures, 'failed attempt')}`] : []),
    ...(redrives > 0 ? [`${counted(redrives, 'redrive')}`] : []),
  ];
  const steps = counted(run.steps.length, 'step');
  return survived.length === 0 ? `: ${steps}` : `: ${steps}, in spite of ${listed(survived)}`;
}

/** What the last failed attempt of a step said. */
function after(run: Run, step: string): string {
  const error = run.steps.find(({ name }) => name === step)?.error;
  return error ? `, after: ${reason(error)}` : '';
}

function reason({ code, message }: Pick<Failure, 'code' | 'message'>): string {
  const said = phrase(message);
  return said === '' || said === code ? code : `${said} (${code})`;
}

function place({ step }: Failure): string {
  return step ?? 'the flow';
}

function attemptsOf(run: Run, step: string | undefined): number {
  const state = run.steps.find(({ name }) => name === step);
  return (state?.undo && state.status === 'completed' ? state.undo.attempts : state?.attempts) ?? 0;
}

function took(run: Run, finishedAt: number): string {
  return inWords(finishedAt - startOf(run));
}

/** When this generation of the run began; of later ones only the first step's start is known. */
export function startOf(run: Run): number {
  if (run.generation === 1) return run.createdAt;
  const firsts = [...run.steps, ...run.waits].map(({ startedAt }: Pick<StepState, 'startedAt'>) => startedAt);
  return Math.min(...firsts, ...run.events.map(({ at }) => at), run.updatedAt);
}
