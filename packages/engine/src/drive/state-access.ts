import { createHash } from 'node:crypto';
import { RejectedError } from '../contract/errors.ts';
import { checkSize, LIMITS } from '../contract/limits.ts';
import type { Failure } from '../contract/run.ts';
import { isStateName, type SetOptions, type StateCondition, type StateSealer } from '../contract/state.ts';
import { encodeJson } from '../journal/codec.ts';
import type { ClaimedRun } from '../journal/journal.ts';
import type { ChangeReply, StateChange, StateStore } from '../journal/state-store.ts';
import { encodeRecord, type FinalRecord, type WaitingRecord } from '../journal/step-record.ts';
import { toErrorRecord } from './error-codec.ts';
import type { RunWriter } from './run-writer.ts';
import { type StepEnd, stopped } from './step-runner.ts';

/** What is recorded of a value that was read. */
export type StateRead =
  | { readonly revision: string; readonly value: unknown }
  | { readonly revision: string; readonly sealed: string }
  /** There was none. */
  | { readonly revision?: never };

/** What the flows of a worker need for state. */
export interface StatePlace {
  readonly store: StateStore;
  /** Absent: no value can be encrypted. */
  readonly sealer: StateSealer | undefined;
}

/** Reads and changes the state of a run's tenant for the run, and records both. */
export class StateAccess {
  readonly #run: ClaimedRun;
  readonly #writer: RunWriter;
  readonly #state: StatePlace;

  constructor(run: ClaimedRun, deps: { readonly writer: RunWriter; readonly state: StatePlace }) {
    this.#run = run;
    this.#writer = deps.writer;
    this.#state = deps.state;
  }

  async get(field: string, name: string): Promise<StepEnd> {
    const misuse = misuseOf(name);
    if (misuse) return misuse;
    const startedAt = this.#writer.now();
    const found = await this.#state.store.read(this.#run.tenant, name);
    const read: StateRead = !found
      ? {}
      : found.sealed
        ? { revision: found.revision, sealed: found.text }
        : { revision: found.revision, value: JSON.parse(found.text) };
    const record = { kind: 'completed' as const, ...this.#end(startedAt), result: read };
    this.#writer.hold(field, record, JSON.stringify(read));
    this.#writer.flushSoon();
    return { kind: 'completed', value: read };
  }

  /** @param expected what the run knows of the value */
  async set(
    field: string,
    name: string,
    value: unknown,
    expected: StateCondition,
    { encrypted = false }: SetOptions,
  ): Promise<StepEnd> {
    const misuse = misuseOf(name) ?? (encrypted && !this.#state.sealer ? noSealer(name) : undefined);
    if (misuse) return misuse;
    const what = `the value of state "${name}"`;
    const json = encodeJson(value, what);
    if (json === undefined) return dies('bug', 'not_json', `${what} is undefined; null is a value`);
    checkSize(json, LIMITS.stateBytes, 'state_too_large', what);
    const text = encrypted ? String(this.#state.sealer?.seal(json, this.#purpose(name))) : json;

    const open = this.#writer.open(field);
    const startedAt = open?.startedAt ?? this.#writer.now();
    const made = open?.kind === 'waiting' && open.outcome;
    const reply = made || (await this.#change({ field, name, expected, text, sealed: encrypted, startedAt }));
    switch (reply) {
      case 'set':
        return this.#hold(field, { kind: 'completed', ...this.#end(startedAt) });
      case 'conflict': {
        const error = toErrorRecord(conflictOf(name));
        return this.#hold(field, { kind: 'rejected', ...this.#end(startedAt), error });
      }
      case 'cancel_requested':
        return stopped({ kind: 'cancelled' });
      case 'stale_owner':
        return stopped({ kind: 'lost' });
    }
  }

  /** What came of it is recorded by the script that does it; its place among what ends beside it follows. */
  #change({
    startedAt,
    ...change
  }: Omit<StateChange, 'revision' | 'record'> & { readonly startedAt: number }): Promise<ChangeReply> {
    const begun: WaitingRecord = { kind: 'waiting', seq: this.#writer.nextSeq(), attempts: 1, startedAt };
    const all = { ...change, revision: this.revisionOf(change.field), record: encodeRecord(begun) };
    return this.#writer.writeWith(
      (entries) => this.#state.store.change(this.#run, all, entries),
      (word) => (word === 'set' || word === 'conflict' ? 'done' : word),
    );
  }

  #end(startedAt: number) {
    const seq = this.#writer.nextSeq();
    return { seq, attempts: 1, startedAt, finishedAt: this.#writer.now() };
  }

  #hold(field: string, record: FinalRecord): StepEnd {
    this.#writer.hold(field, record);
    this.#writer.flushSoon();
    return record.kind === 'rejected'
      ? { kind: 'rejected', record }
      : { kind: 'completed', value: undefined };
  }

  /** The value that was read. @throws Error when it cannot be decrypted */
  valueOf(name: string, read: StateRead): unknown {
    if (read.revision === undefined) return undefined;
    if ('value' in read) return read.value;
    const { sealer } = this.#state;
    if (!sealer) throw new Error(messageOfNoSealer(name));
    return JSON.parse(sealer.open(read.sealed, this.#purpose(name)));
  }

  /** The revision that a value has after it was changed in this place: the same on every replay. */
  revisionOf(field: string): string {
    const { runId, generation } = this.#run;
    return createHash('sha256')
      .update(JSON.stringify([runId, generation, field]))
      .digest('hex')
      .slice(0, 32);
  }

  #purpose(name: string): string {
    return `state/${this.#run.tenant}/${name}`;
  }
}

function conflictOf(name: string): RejectedError {
  return new RejectedError({
    code: 'state_conflict',
    message: `state "${name}" was changed by somebody else since it was read; read it again`,
  });
}

function misuseOf(name: string): StepEnd | undefined {
  if (isStateName(name)) return undefined;
  const message = `state name ${JSON.stringify(name)}: use 1 to 200 letters, digits, ".", "_", ":", "/" or "-"`;
  return dies('bug', 'state_name_invalid', message);
}

function noSealer(name: string): StepEnd {
  return dies('misconfigured', 'encryption_keys_missing', messageOfNoSealer(name));
}

function messageOfNoSealer(name: string): string {
  return `state "${name}" is to be encrypted, and the worker has no keys; set HOLDFAST_ENCRYPTION_KEYS, then redrive`;
}

function dies(kind: Failure['kind'], code: string, message: string): StepEnd {
  return stopped({ kind: 'dies', failure: { kind, code, message } });
}
