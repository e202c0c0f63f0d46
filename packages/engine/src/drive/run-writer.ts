import { LIMITS, TooLargeError } from '../contract/limits.ts';
import { parseField } from '../journal/identity.ts';
import type { ClaimedRun, Entry, Journal, WriteReply } from '../journal/journal.ts';
import { encodeRecord, isFinal, type OpenRecord, type StepRecord } from '../journal/step-record.ts';
import { CallHistory, type CallMade } from './call-history.ts';

/**
 * Writes a claimed run's records, and remembers them. An outcome is held back until the run's next write, or the end of the
 * event loop's turn, so that it travels with what follows it: the next step's intent, or the run's end. Nothing starts an effect
 * before what came before it is recorded.
 */
export class RunWriter {
  readonly records: Map<string, StepRecord>;
  readonly #journal: Journal;
  readonly #run: ClaimedRun;
  readonly #claimedAt = performance.now();
  readonly #held = new Map<string, string>();
  #heldProgress = false;
  /** The write that is under way, and the one that follows it and takes along all that is held until then. */
  #writing: Promise<WriteReply> | undefined;
  #next: Promise<WriteReply> | undefined;
  #lastSeq = 0;
  /** Why no further step may start: a cancel was asked for, or another worker owns the run. */
  #refusal: Exclude<WriteReply, 'done'> | undefined;
  readonly #sizes: Map<string, number>;
  #bytes: number;
  readonly #history: CallHistory;
  #onLost: () => void = () => {};

  constructor(journal: Journal, run: ClaimedRun) {
    this.#journal = journal;
    this.#run = run;
    this.records = new Map(run.records);
    this.#sizes = new Map(run.recordBytes);
    this.#bytes = 0;
    this.#history = new CallHistory(run.noted);
    for (const bytes of this.#sizes.values()) this.#bytes += bytes;
    for (const record of run.records.values()) this.#lastSeq = Math.max(this.#lastSeq, record.seq);
  }

  /** Redis' clock, as far as it can be told from here: its time at the claim plus what has passed since. */
  now(): number {
    return Math.round(this.#run.now + (performance.now() - this.#claimedAt));
  }

  nextSeq(): number {
    this.#lastSeq += 1;
    return this.#lastSeq;
  }

  /**
   * @param resultJson a completed record's result, encoded
   * @throws TooLargeError when the run would hold more than it may
   */
  hold(field: string, record: StepRecord, resultJson?: string): void {
    const encoded = encodeRecord(record, resultJson);
    const size = Buffer.byteLength(encoded);
    const bytes = this.#bytes + size - (this.#sizes.get(field) ?? 0);
    // what was undone must be known, however full the run is
    if (bytes > LIMITS.journalBytes && record.kind === 'completed' && parseField(field)?.kind !== 'undo') {
      throw new TooLargeError(
        'journal_too_large',
        `the run's records came to ${bytes} bytes; at most ${LIMITS.journalBytes} are kept`,
      );
    }
    this.#sizes.set(field, size);
    this.#bytes = bytes;
    this.records.set(field, record);
    this.#held.set(field, encoded);
    if (record.kind !== 'started') this.#heldProgress = true;
  }

  /** Writes another field of the run with the next write. */
  also(field: string, text: string): void {
    this.#held.set(field, text);
  }

  /** Keeps a call that has ended, with the next write. */
  noteCall(call: CallMade): void {
    const { field, record } = this.#history.entryOf(call);
    this.#held.set(field, record);
  }

  /** True when the run's history holds a call of the step, or of its undo. */
  hasCalls(step: string, undo: boolean): boolean {
    return this.#history.has(step, undo);
  }

  /** Called when a write that nobody waits for is refused because the run has another owner. */
  set onLost(listener: () => void) {
    this.#onLost = listener;
  }

  /** Writes what is held if nothing else has by the end of this turn of the event loop. */
  flushSoon(): void {
    setImmediate(() => {
      if (this.#held.size === 0) return;
      this.flush().then(
        (reply) => {
          if (reply === 'stale_owner') this.#onLost();
        },
        () => {
          // the connection is closing: the run is taken up by another worker
        },
      );
    });
  }

  /** Writes what is held, after what is being written. @returns what was answered to the write that took it along */
  flush(): Promise<WriteReply> {
    if (this.#held.size > 0) this.#next ??= this.#writeHeld(this.#writing);
    return this.#next ?? this.#writing ?? Promise.resolve(this.#refusal ?? 'done');
  }

  async #writeHeld(before: Promise<WriteReply> | undefined): Promise<WriteReply> {
    try {
      // when that one failed, nothing is written any more that builds on it
      await before;
      [this.#writing, this.#next] = [this.#next, undefined];
      if (this.#held.size === 0) return this.#refusal ?? 'done';
      const progress = this.#heldProgress;
      const reply = await this.#journal.recordStep(this.#run, this.takeHeld(), progress);
      if (reply !== 'done') this.#refusal = reply;
      return reply;
    } finally {
      this.#writing = undefined;
    }
  }

  /**
   * Gives what is held to a script that writes more beside it, after what is being written. What the flow goes on to waits for it, as for
   * any write.
   */
  async writeWith<R>(
    write: (entries: readonly Entry[]) => Promise<R>,
    replyOf: (reply: R) => WriteReply,
  ): Promise<R> {
    while (this.#next ?? this.#writing) await (this.#next ?? this.#writing);
    const written = write(this.takeHeld());
    const writing = written.then(replyOf);
    writing.catch(() => {}); // told to whoever waits for it, and below
    this.#writing = writing;
    try {
      const reply = await writing;
      if (reply !== 'done') this.#refusal = reply;
      return await written;
    } finally {
      if (this.#writing === writing) this.#writing = undefined;
    }
  }

  /** Gives what is held to the script that takes the run further; when that writes nothing, it is held again. */
  async handOver<R extends string>(write: (entries: readonly Entry[]) => Promise<R>): Promise<R> {
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
  takeBack(field: string, before: StepRecord | undefined): void {
    if (before) this.records.set(field, before);
    else this.records.delete(field);
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
    while (this.#next ?? this.#writing) await (this.#next ?? this.#writing);
  }

  /** A field's record as long as it is not final. */
  open(field: string): OpenRecord | undefined {
    const record = this.records.get(field);
    return record && !isFinal(record) ? record : undefined;
  }
}
