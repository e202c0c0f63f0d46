import type { ClaimedRun, Entry, Journal, WriteReply } from './journal/journal.ts';
import { encodeRecord, fieldOf, isFinal, type RecordKind, type StepRecord } from './journal/step-record.ts';

/**
 * Writes a claimed run's records, and remembers them. An outcome is held back until the run's next write, or the end of the
 * event loop's turn, so that it travels with what follows it: the next step's intent, or the run's end. Nothing starts an effect
 * before what came before it is recorded.
 */
export class RunWriter {
  readonly records: Map<string, StepRecord>;
  readonly undos: Map<string, StepRecord>;
  readonly #journal: Journal;
  readonly #run: ClaimedRun;
  readonly #claimedAt = performance.now();
  readonly #held = new Map<string, string>();
  #heldProgress = false;
  #writing: Promise<WriteReply> | undefined;
  #lastSeq: number;
  #onRefusal: (reply: Exclude<WriteReply, 'done'>) => void = () => {};

  constructor(journal: Journal, run: ClaimedRun) {
    this.#journal = journal;
    this.#run = run;
    this.records = new Map(run.steps);
    this.undos = new Map(run.undos);
    this.#lastSeq = Math.max(
      0,
      ...[...run.steps.values(), ...run.undos.values()].map((record) => record.seq),
    );
  }

  /** Redis' clock, as far as it can be told from here: its time at the claim plus what has passed since. */
  now(): number {
    return Math.round(this.#run.now + (performance.now() - this.#claimedAt));
  }

  nextSeq(): number {
    this.#lastSeq += 1;
    return this.#lastSeq;
  }

  /** @param resultJson a completed step's result, encoded */
  hold(kind: RecordKind, step: string, record: StepRecord, resultJson?: string): void {
    (kind === 'step' ? this.records : this.undos).set(step, record);
    this.#held.set(fieldOf(kind, step), encodeRecord(record, resultJson));
    if (record.is !== 'started') this.#heldProgress = true;
  }

  /** Called when a write that nobody waits for is refused. */
  set onRefusal(listener: (reply: Exclude<WriteReply, 'done'>) => void) {
    this.#onRefusal = listener;
  }

  /** Writes what is held if nothing else has by the end of this turn of the event loop. */
  flushSoon(): void {
    setImmediate(() => {
      if (this.#held.size === 0) return;
      this.flush().then(
        (reply) => {
          if (reply !== 'done') this.#onRefusal(reply);
        },
        () => {
          // the connection is closing: the run is taken up by another worker
        },
      );
    });
  }

  /** Writes what is held, after what is being written. */
  async flush(): Promise<WriteReply> {
    while (this.#writing) await this.#writing;
    if (this.#held.size === 0) return 'done';
    const progress = this.#heldProgress;
    this.#writing = this.#journal.recordStep(this.#run, this.takeHeld(), progress);
    try {
      return await this.#writing;
    } finally {
      this.#writing = undefined;
    }
  }

  /** Gives what is held to the script that takes the run further; what it does not write is held again. */
  async handOver(write: (entries: readonly Entry[]) => Promise<WriteReply>): Promise<WriteReply> {
    const progress = this.#heldProgress;
    const entries = this.takeHeld();
    const reply = await write(entries);
    if (reply === 'cancel_requested') {
      for (const { field, record } of entries) this.#held.set(field, record);
      this.#heldProgress = progress;
    }
    return reply;
  }

  /** Takes back the intent of an attempt that did not start. */
  takeBack(step: string, before: StepRecord | undefined): void {
    if (before) this.records.set(step, before);
    else this.records.delete(step);
  }

  /** What is held, for a script that writes it in any case. */
  takeHeld(): Entry[] {
    const entries = [...this.#held].map(([field, record]) => ({ field, record }));
    this.#held.clear();
    this.#heldProgress = false;
    return entries;
  }

  /** Resolves once nothing is being written. */
  async quiet(): Promise<void> {
    while (this.#writing) await this.#writing;
  }

  /** The last record of a step that is not over. */
  open(kind: RecordKind, step: string): Exclude<StepRecord, { is: 'completed' | 'rejected' }> | undefined {
    const record = (kind === 'step' ? this.records : this.undos).get(step);
    return record && !isFinal(record) ? record : undefined;
  }
}
