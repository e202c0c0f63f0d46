import { checkSize, LIMITS } from '../contract/limits.ts';
import { encodeJson } from '../journal/codec.ts';
import type { ClaimedRun, Journal } from '../journal/journal.ts';
import { type CompletedRecord, encodeRecord, type WaitingRecord } from '../journal/step-record.ts';
import type { RunWriter } from './run-writer.ts';
import { type StepEnd, stopped } from './step-runner.ts';

const NAME = /^[a-z][a-z0-9_-]{0,49}\.[a-z0-9][a-z0-9_-]{0,49}$/;
/** Those that Holdfast raises itself. */
const RESERVED = /^(run|payment|webhook)\./;

/** Raises events of a run's own. */
export class Emitter {
  readonly #run: ClaimedRun;
  readonly #writer: RunWriter;
  readonly #journal: Pick<Journal, 'emitEvent'>;

  constructor(
    run: ClaimedRun,
    deps: { readonly writer: RunWriter; readonly events: Pick<Journal, 'emitEvent'> },
  ) {
    this.#run = run;
    this.#writer = deps.writer;
    this.#journal = deps.events;
  }

  async emit(field: string, name: string, data: unknown): Promise<StepEnd> {
    if (!NAME.test(name) || RESERVED.test(name)) {
      const message = `event name ${JSON.stringify(name)}: use two lower-case words with a dot between them, such as order.shipped, and not run., payment. or webhook. at the start`;
      return stopped({ kind: 'dies', failure: { kind: 'bug', code: 'event_name_invalid', message } });
    }
    const what = `the data of event "${name}"`;
    const json = encodeJson(data, what) ?? 'null';
    checkSize(json, LIMITS.eventBytes, 'event_too_large', what);
    const open = this.#writer.open(field);
    const startedAt = open?.startedAt ?? this.#writer.now();
    if (!open) {
      const begun: WaitingRecord = {
        ...{ kind: 'waiting', seq: this.#writer.nextSeq(), attempts: 1, startedAt },
      };
      const event = { type: name, json, field, record: encodeRecord(begun) };
      const reply = await this.#writer.writeWith(
        (entries) => this.#journal.emitEvent(this.#run, event, entries),
        (word) => word,
      );
      if (reply === 'stale_owner') return stopped({ kind: 'lost' });
      if (reply === 'cancel_requested') return stopped({ kind: 'cancelled' });
    }
    const seq = this.#writer.nextSeq();
    const done: CompletedRecord = {
      ...{ kind: 'completed', seq, attempts: 1, startedAt, finishedAt: this.#writer.now() },
    };
    this.#writer.hold(field, done);
    this.#writer.flushSoon();
    return { kind: 'completed', value: undefined };
  }
}
