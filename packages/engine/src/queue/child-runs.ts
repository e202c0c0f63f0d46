import { createHash } from 'node:crypto';
import { type FlowContract, laneOf } from '../contract/define-flow.ts';
import type { Json } from '../contract/run.ts';
import type { ChildEnd, ChildRuns } from '../drive/waits.ts';
import { hashOfCallback, runIdOfCallback } from '../journal/callback-ids.ts';
import { encodeJson } from '../journal/codec.ts';
import { childSignal } from '../journal/identity.ts';
import type {
  CallbackReply,
  CancelReply,
  ClaimedRun,
  Journal,
  NewOutcome,
  NewSignal,
  ParentRun,
  RunOfTenant,
  SignalReply,
} from '../journal/journal.ts';
import { runIdOf } from '../journal/keys.ts';
import { bringBack } from './dead-letters.ts';
import type { Jobs } from './jobs.ts';

/** A child run that ended, to be told to its parent. */
export interface EndedChild {
  readonly runId: string;
  readonly parent: ParentRun;
  readonly end: ChildEnd;
}

/** Starts and stops child runs. A child's key follows from its parent's id, generation and its name. */
export function childRuns(journal: Journal, jobs: Jobs): ChildRuns {
  const create = async (
    parent: ClaimedRun,
    name: string,
    flow: FlowContract,
    input: unknown,
    cancelled?: true,
  ) => {
    const idempotencyKey = `${parent.runId}:${parent.generation}:${name}`;
    const runId = runIdOf(parent.tenant, flow.name, idempotencyKey);
    const parsed = flow.input.parse(input);
    const json = encodeJson(parsed, `the input of child run "${name}"`) ?? 'null';
    const kept = await journal.encodeInput(runId, json);
    const createWith = (fingerprint: string) =>
      journal.createRun({
        ...{ runId, fingerprint, tenant: parent.tenant, flow: flow.name, version: flow.version },
        ...{ idempotencyKey, input: kept },
        parent: { runId: parent.runId, name, generation: parent.generation },
        trace: parent.trace,
        lane: laneOf(flow, parent.tenant, parsed),
        ...(cancelled && { cancelled }),
      });
    const encoded = kept !== json;
    let created = await createWith(encoded ? hash(json) : json);
    // it may be there since before the config had a codec
    if (created.outcome === 'key_reused' && encoded) created = await createWith(json);
    if (created.outcome === 'key_reused') {
      throw new Error(
        `child run "${name}" was started with another input before; its input must be the same on every replay`,
      );
    }
    if (created.outcome === 'source_not_completed' || created.outcome === 'draw_exceeds')
      throw new Error('a child run draws nothing');
    return { runId, outcome: created.outcome };
  };
  return {
    async start(parent, name, flow, input) {
      return (await create(parent, name, flow, input)).runId;
    },

    async stop(parent, name, flow, input) {
      const { runId, outcome } = await create(parent, name, flow, input, true);
      if (outcome === 'replayed') await cancelRun(journal, jobs, { runId, tenant: parent.tenant });
    },
  };
}

/** Tells a parent that its child ended, once; when it is cut short, the child's alarm has it told again. */
export async function tellParent(
  journal: Journal,
  jobs: Jobs,
  { runId, parent, end }: EndedChild,
): Promise<void> {
  const payload = JSON.parse(JSON.stringify(end)) as Json;
  const { name, generation } = parent;
  const signal = { id: runId, name: childSignal(name), payload, generation };
  const outcome = await sendSignal(journal, jobs, parent.runId, signal, true);
  if (outcome === 'too_many' || outcome === 'too_large')
    throw new Error(`the end of child run ${runId} was refused by its parent ${parent.runId}: ${outcome}`);
  await journal.moveAlarm(runId, 0);
}

/** Keeps a signal for a run and wakes the run when it is parked. */
export async function sendSignal(
  journal: Journal,
  jobs: Jobs,
  runId: string,
  signal: NewSignal,
  unlimited?: true,
): Promise<SignalReply['outcome']> {
  const reply = await journal.deliverSignal(runId, signal, unlimited);
  if (reply.outcome === 'delivered' && reply.parked)
    await jobs.promote(reply.parked.flow, reply.parked.jobId);
  return reply.outcome;
}

/** Completes a callback of a run, once, and wakes the run when it is parked. */
export async function completeCallback(
  journal: Journal,
  jobs: Jobs,
  id: string,
  outcome: NewOutcome,
): Promise<CallbackReply['outcome']> {
  const runId = runIdOfCallback(id);
  if (runId === undefined) return 'unknown';
  const reply = await journal.completeCallback(runId, hashOfCallback(id), outcome);
  if (reply.outcome === 'completed' && reply.parked)
    await jobs.promote(reply.parked.flow, reply.parked.jobId);
  return reply.outcome;
}

/** Asks a run to cancel itself and makes sure that it notices. */
export async function cancelRun(
  journal: Journal,
  jobs: Jobs,
  run: RunOfTenant,
  answeredAt?: number,
): Promise<CancelReply['outcome']> {
  const reply = await journal.cancelRun(run, answeredAt);
  if (reply.outcome === 'cancelling') {
    const { flow, jobId } = reply.job;
    if (reply.then === 'promote') await jobs.promote(flow, jobId);
    if (reply.then === 'ends') await jobs.removeLetter(run.runId, reply.deaths);
    if (reply.then === 'add') await bringBack(jobs, { runId: run.runId, flow, jobId, death: reply.deaths });
  }
  return reply.outcome;
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
