import { randomUUID } from 'node:crypto';
import { type Job, UnrecoverableError } from 'bullmq';
import type { Failure } from '../contract/run.ts';
import type { Journal } from '../journal/journal.ts';
import type { Jobs, Letter } from './jobs.ts';

/** Once a letter is there, its run's alarm only makes sure that the letter stays. */
const LETTER_CHECK_MS = 60 * 60 * 1_000;

export interface DeadRun {
  readonly runId: string;
  readonly tenant: string;
  readonly flow: string;
  readonly death: number;
  readonly failure: Failure;
}

/** Writes a dead run's letter. Safe to repeat; when it is cut short, the run's alarm has it written again. */
export async function writeLetter(
  jobs: Jobs,
  journal: Journal,
  { runId, tenant, flow, death, failure }: DeadRun,
): Promise<void> {
  const { kind, code, message, step, stack } = failure;
  await jobs.addLetter({
    runId,
    tenant,
    flow,
    death,
    kind,
    code,
    message,
    ...(step && { step }),
    ...(stack && { stack }),
  });
  // somebody may have brought the run back in between
  const stands = await journal.moveAlarmOfDead(runId, death, LETTER_CHECK_MS);
  if (!stands) await jobs.removeLetter(runId, death);
}

/**
 * Gives a run that is dead no longer its job. Its letter goes first: when this is cut short, the run's alarm finds no job and does it
 * again.
 */
export async function bringBack(
  jobs: Jobs,
  run: { readonly runId: string; readonly flow: string; readonly jobId: string; readonly death: number },
): Promise<void> {
  await jobs.removeLetter(run.runId, run.death);
  await jobs.add(run.flow, run.runId, run.jobId);
}

/**
 * What a worker does with a letter. Its first pass lets it fail with the run's own reason, so that it shows under Failed; a retry, by
 * Bull Board's button or any other way, redrives the run. A letter whose death is over already does nothing.
 */
export async function processLetter(jobs: Jobs, journal: Journal, job: Job<Letter>): Promise<string> {
  const letter = job.data;
  if (job.attemptsMade === 0) throw reasonOf(letter);
  const jobId = await journal.redriveRun(letter, letter.death, randomUUID());
  if (!jobId) return `run ${letter.runId} is no longer dead by its death ${letter.death}; nothing was done`;
  await jobs.add(letter.flow, letter.runId, jobId);
  return `run ${letter.runId} redriven`;
}

function reasonOf(letter: Letter): UnrecoverableError {
  const at = letter.step ? ` at step "${letter.step}"` : '';
  const reason = new UnrecoverableError(`${letter.kind}${at}: ${letter.message} (${letter.code})`);
  if (letter.stack) reason.stack = `${reason.message}\n${letter.stack}`;
  return reason;
}
