import {
  childOfSignal,
  type ErrorRecord,
  type Failure,
  type FlowContract,
  RUN_STATUSES,
  type Run,
  referenceOf,
  type StepState,
  type WaitingFor,
} from '@holdfast/engine';
import { z } from 'zod';
import { isCancelRequested, willEnd } from './standing.ts';

export const time = z.string().meta({ format: 'date-time' });

/** Why something failed, or waits for a person. */
export const RunErrorJson = z.strictObject({
  code: z.string().meta({ description: 'Stable; what to match on.' }),
  message: z.string(),
  step: z.string().optional(),
  kind: z
    .string()
    .optional()
    .meta({
      description:
        'rejected: the provider said no. exhausted: transient trouble outlasted the attempts. in_doubt: nobody knows whether ' +
        'the effect happened. bug, poison, incompatible_flow, compensation_failed: see the guarantees.',
    }),
  details: z.unknown().optional(),
});

const WaitingForJson = z.strictObject({
  kind: z.enum(['retry', 'timer', 'signal', 'throttle', 'child', 'callback', 'start', 'paused', 'lane']),
  step: z.string().optional(),
  name: z.string().optional(),
  until: time.optional(),
});

const StepJson = z.strictObject({
  name: z.string(),
  status: z.enum(['running', 'waiting', 'completed', 'failed', 'in_doubt', 'compensated']),
  attempts: z.int().min(0),
  startedAt: time,
  finishedAt: time.optional(),
  error: RunErrorJson.omit({ step: true }).optional(),
  inDoubt: z
    .strictObject({
      idempotencyKey: z.string(),
      reference: z.string(),
      undo: z.literal(true).optional().meta({ description: 'It is its undo of which nobody knows.' }),
      onRedrive: z.enum(['repeat', 'look_up', 'halt']).optional(),
      resultSchema: z.unknown().optional(),
    })
    .optional()
    .meta({
      description:
        'Of a step of which nobody knows whether it happened: what to look for at the provider; what a redrive does about it ' +
        '(repeat: sends it again under the same key; look_up: asks the provider first; halt: nothing, a person has to say); and, in ' +
        'GET /v1/runs and GET /v1/runs/{id}, the JSON Schema of the result that "happened" wants.',
    }),
});

const WarningJson = z.strictObject({
  step: z.string(),
  code: z.string(),
  message: z.string(),
  kind: z.string().meta({
    description:
      'rejected, exhausted: it did not happen. in_doubt: nobody knows whether it did; it is not repeated.',
  }),
});

/** Where the customer has to go before the run can go on. */
export const NextActionJson = z
  .strictObject({ type: z.literal('redirect'), url: z.string() })
  .meta({ description: 'Where the customer has to go; only while the run waits for that.' });

/** A run as the API shows it. Members that do not apply are left out. */
export const RunJson = z.strictObject({
  id: z.string(),
  flow: z.string(),
  version: z.int().min(1),
  generation: z.int().min(1).meta({ description: '1 at first, one more with each rerun.' }),
  status: z
    .enum(RUN_STATUSES)
    .meta({ description: 'completed, failed and cancelled are final; a dead run waits for a person.' }),
  idempotencyKey: z.string(),
  tags: z.record(z.string(), z.string()).optional().meta({ description: 'What `Holdfast-Tags` said.' }),
  output: z.unknown().optional().meta({ description: "The flow's result, once completed." }),
  error: RunErrorJson.optional(),
  waitingFor: WaitingForJson.optional(),
  cancelRequested: z.literal(true).optional().meta({
    description: 'A cancel was asked for and the run has not ended yet.',
  }),
  endsAs: z.enum(['failed', 'cancelled']).optional().meta({
    description: 'How a run will end that is being undone, or was asked to cancel.',
  }),
  warnings: z.array(WarningJson).optional().meta({
    description: 'Optional steps that came to nothing; the run went on without them.',
  }),
  nextAction: NextActionJson.optional(),
  undoing: z.literal(true).optional().meta({
    description:
      'Of a dead run that is to be undone, or was half-way through that: a redrive goes on with the undoing.',
  }),
  steps: z.array(StepJson),
  createdAt: time,
  updatedAt: time,
  finishedAt: time.optional(),
});
export type RunJson = z.infer<typeof RunJson>;

/** A page of runs. */
export const RunListJson = z.strictObject({
  data: z.array(RunJson),
  unreadable: z.array(z.string()).optional().meta({
    description: 'Ids of runs of this page whose records cannot be read: something else has written to them.',
  }),
  nextCursor: z
    .string()
    .optional()
    .meta({ description: 'Send it as `cursor` for the next page. Absent on the last one.' }),
});
export type RunListJson = z.infer<typeof RunListJson>;

/** What a key without `read` sees of a run that it has just submitted or steered: which one it is, and how it stands. */
export function presentRunTo(scopes: ReadonlySet<string>, run: Run): RunJson {
  const { output: _, error, ...shown } = presentRun(run);
  if (scopes.has('read')) return presentRun(run);
  const { details: _details, ...about } = error ?? {};
  return {
    ...shown,
    ...(error && { error: { ...about, code: error.code, message: error.message } }),
    steps: shown.steps.map(({ error: _error, inDoubt: _inDoubt, ...step }) => step),
  };
}

/**
 * Leaves out the input, the tenant and every stack trace.
 * @param contracts to tell what a step in doubt would have returned
 */
export function presentRun(run: Run, contracts: readonly FlowContract[] = []): RunJson {
  const flow = contractOf(contracts, run);
  return {
    id: run.id,
    flow: run.flow,
    version: run.version,
    generation: run.generation,
    status: run.status,
    idempotencyKey: run.idempotencyKey,
    ...(run.tags && { tags: { ...run.tags } }),
    ...presentStanding(run),
    ...(run.warnings.length > 0 && { warnings: run.warnings.map((warning) => ({ ...warning })) }),
    ...presentNextAction(run),
    ...presentCancel(run),
    steps: run.steps.map((step) => presentStep(step, flow)),
    createdAt: iso(run.createdAt),
    updatedAt: iso(run.updatedAt),
    ...('finishedAt' in run ? { finishedAt: iso(run.finishedAt) } : {}),
  };
}

/** What the first of its open waits asks for. */
export function presentNextAction(run: Run): Pick<RunJson, 'nextAction'> {
  const wait = run.status === 'suspended' ? run.waits.find(({ nextAction }) => nextAction) : undefined;
  return wait?.nextAction ? { nextAction: wait.nextAction } : {};
}

function presentStanding(run: Run): Pick<RunJson, 'output' | 'error' | 'waitingFor' | 'undoing'> {
  switch (run.status) {
    case 'pending':
    case 'running':
    case 'cancelled':
      return {};
    case 'suspended':
      return { waitingFor: presentWaiting(run.waitingFor) };
    case 'compensating':
      return {
        ...(run.error ? { error: presentFailure(run.error) } : {}),
        ...(run.waitingFor ? { waitingFor: presentWaiting(run.waitingFor) } : {}),
      };
    case 'completed':
      return { output: run.output };
    case 'failed':
      return { error: presentFailure(run.error) };
    case 'dead':
      return { error: presentFailure(run.error), ...(run.undoing && { undoing: true }) };
  }
}

/** Without its stack and causes. */
export function presentFailure(failure: Failure): z.infer<typeof RunErrorJson> {
  return {
    code: failure.code,
    message: failure.message,
    ...(failure.step === undefined ? {} : { step: failure.step }),
    kind: failure.kind,
    ...(failure.details === undefined ? {} : { details: failure.details }),
  };
}

/** The end of a child run comes as a signal. */
function ofChild(waitingFor: WaitingFor): { kind: 'child'; name: string; until?: number } | undefined {
  const name = waitingFor.kind === 'signal' ? childOfSignal(waitingFor.name) : undefined;
  return name === undefined ? undefined : { ...waitingFor, kind: 'child', name };
}

function presentWaiting(waitingFor: WaitingFor): z.infer<typeof WaitingForJson> {
  const { until, ...rest } = ofChild(waitingFor) ?? waitingFor;
  return until === undefined ? rest : { ...rest, until: iso(until) };
}

/** What is known of a run's flow, in its version if there is one. */
function contractOf(contracts: readonly FlowContract[], run: Run): FlowContract | undefined {
  const named = contracts.filter(({ name }) => name === run.flow);
  return named.find(({ version }) => version === run.version) ?? named[0];
}

function presentCancel(run: Run): Pick<RunJson, 'cancelRequested' | 'endsAs'> {
  const ends = willEnd(run);
  return { ...(isCancelRequested(run) && { cancelRequested: true }), ...(ends && { endsAs: ends }) };
}

function presentDoubt(
  { name, status, key, undo, whenInDoubt }: StepState,
  flow: FlowContract | undefined,
): Pick<z.infer<typeof StepJson>, 'inDoubt'> {
  if (undo?.inDoubt)
    return { inDoubt: { idempotencyKey: undo.key, reference: referenceOf(undo.key), undo: true } };
  if (status !== 'in_doubt') return {};
  const schema = flow?.results && Object.hasOwn(flow.results, name) ? flow.results[name] : undefined;
  return {
    inDoubt: {
      ...{ idempotencyKey: key, reference: referenceOf(key) },
      ...(whenInDoubt && { onRedrive: whenInDoubt }),
      ...(schema && { resultSchema: z.toJSONSchema(schema, { unrepresentable: 'any' }) }),
    },
  };
}

function presentStep(step: StepState, flow: FlowContract | undefined): z.infer<typeof StepJson> {
  return {
    name: step.name,
    status: step.status,
    attempts: step.attempts,
    startedAt: iso(step.startedAt),
    ...(step.finishedAt === undefined ? {} : { finishedAt: iso(step.finishedAt) }),
    ...(step.error === undefined ? {} : { error: presentStepError(step.error) }),
    ...presentDoubt(step, flow),
  };
}

function presentStepError(error: ErrorRecord): NonNullable<z.infer<typeof StepJson>['error']> {
  return {
    code: error.code,
    message: error.message,
    ...(error.kind === undefined ? {} : { kind: error.kind }),
    ...(error.details === undefined ? {} : { details: error.details }),
  };
}

export function iso(unixMs: number): string {
  return new Date(unixMs).toISOString();
}
