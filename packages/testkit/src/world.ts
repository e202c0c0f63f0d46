import { isDeepStrictEqual } from 'node:util';
import { type Json, RejectedError, type StepCall } from '@holdfast/engine';
import type { Store } from './store.ts';

/** Which effect of which run a key stands for. */
export interface CallIdentity {
  readonly key: string;
  readonly runId: string;
  readonly generation: number;
  readonly step: string;
  readonly undo: boolean;
}

/** Something that really happened at a provider. */
export interface Effect extends CallIdentity {
  /** From 1, in the order in which they happened. */
  readonly seq: number;
  readonly operation: string;
  readonly body: Json;
  readonly result: Json;
}

/** A request as it reached a provider, whatever came of it. */
export interface ReceivedCall extends CallIdentity {
  readonly operation: string;
  readonly body: Json;
}

export interface CallRequest<T> {
  /** What is asked for, such as `charge`. */
  readonly operation: string;
  /** What is sent: plain data, compared by its JSON. */
  readonly body: unknown;
  /** True when the provider answers a key that it knows with its first answer. Default true. */
  readonly honoursKeys?: boolean;
  /** What the provider answers; asked once for each effect. */
  readonly answer: () => T;
  /**
   * What the provider says instead of doing it, by how often it was asked for this effect, from 1. Default: it does it. A definite
   * no is played back for its key.
   */
  readonly refuses?: ((nth: number) => Error | undefined) | undefined;
}

/** The providers of one execution: what reached them and what they did. They outlive every crash. */
export class World {
  readonly effects: Effect[] = [];
  readonly calls: ReceivedCall[] = [];
  /** What no provider and no journal should ever have seen. */
  readonly violations: string[] = [];
  readonly #store: Store;
  readonly #sequence: readonly string[];
  readonly #irreversible: readonly string[];
  readonly #recorded = new Map<string, string>();
  readonly #refusals = new Map<string, RejectedError>();
  readonly #refusedNext = new Set<string>();

  /**
   * @param sequence steps of which each must be recorded before the next is first called
   * @param irreversible steps that have no undo
   */
  constructor(store: Store, sequence: readonly string[], irreversible: readonly string[] = []) {
    this.#store = store;
    this.#sequence = sequence;
    this.#irreversible = irreversible;
  }

  /**
   * A request arrives.
   * @param cancelled a cancel was accepted before it left
   */
  async receive<T>(call: StepCall, request: CallRequest<T>, cancelled = false): Promise<void> {
    const identity = identityOf(call);
    const { operation } = request;
    const body = asJson(request.body);
    const before = this.calls.find(({ key }) => key === identity.key);
    if (before && !isDeepStrictEqual(before.body, body)) {
      this.violations.push(
        `key ${identity.key} was sent with another body: ${JSON.stringify(before.body)}, then ${JSON.stringify(body)}`,
      );
    }
    if (cancelled && !identity.undo && !before && !(await this.#settlesDoubt(identity)))
      this.violations.push(`${identity.key} was first called after the run was cancelled`);
    this.calls.push({ ...identity, operation, body });
    await this.#checkJournal(identity);
  }

  /** The next call for this effect is refused, for a reason that says nothing of what became of it. */
  refuseNext(call: StepCall): void {
    this.#refusedNext.add(call.idempotencyKey);
  }

  /** A request is dealt with. @throws what the provider refuses it with */
  perform<T>(call: StepCall, request: CallRequest<T>): T {
    const identity = identityOf(call);
    if (this.#refusedNext.delete(identity.key))
      throw new RejectedError({ code: 'refused', message: 'refused, for a reason of its own' });
    const known = this.effects.find(({ key }) => key === identity.key);
    if (known && request.honoursKeys !== false) return known.result as T;
    const refusal = this.#refusals.get(identity.key) ?? request.refuses?.(this.#timesAskedFor(identity));
    if (refusal instanceof RejectedError) this.#refusals.set(identity.key, refusal);
    if (refusal) throw refusal;
    const answer = request.answer();
    const [body, result] = [asJson(request.body), asJson(answer)];
    this.effects.push({
      ...identity,
      seq: this.effects.length + 1,
      operation: request.operation,
      body,
      result,
    });
    return answer;
  }

  /** What a look-up by a call's key finds. */
  find(call: StepCall): Effect | undefined {
    return this.effects.find(({ key }) => key === call.idempotencyKey);
  }

  effectsOf(runId: string): readonly Effect[] {
    return this.effects.filter((effect) => effect.runId === runId);
  }

  /** Notices a recorded outcome that changes or vanishes. @returns those that are recorded */
  async observe(runId: string): Promise<ReadonlyMap<string, string>> {
    const { generation, finals } = await this.#store.journal(runId);
    const prefix = `${runId}:${generation}:`;
    for (const [field, record] of finals) {
      const known = this.#recorded.get(prefix + field);
      if (known !== undefined && known !== record && !mayBeTriedAgain(field, known))
        this.violations.push(`the record ${prefix}${field} changed from ${known} to ${record}`);
      this.#recorded.set(prefix + field, record);
    }
    for (const [known, record] of this.#recorded) {
      const field = known.slice(prefix.length);
      if (!known.startsWith(prefix) || finals.has(field)) continue;
      if (!mayBeTriedAgain(field, record)) this.violations.push(`the record ${known} vanished`);
      this.#recorded.delete(known);
    }
    return finals;
  }

  #timesAskedFor({ runId, generation, step, undo }: CallIdentity): number {
    return this.calls.filter(
      (call) =>
        call.runId === runId && call.generation === generation && call.step === step && call.undo === undo,
    ).length;
  }

  /** What may have been done before the cancel is done again under its key, where it can be undone: so there is something definite to undo. */
  async #settlesDoubt({ runId, step }: CallIdentity): Promise<boolean> {
    const record = (await this.#store.journal(runId)).records.get(`s:${step}`);
    if (record === undefined || this.#irreversible.includes(step)) return false;
    const { kind, inDoubt } = JSON.parse(record) as { readonly kind: string; readonly inDoubt?: boolean };
    return kind === 'started' || inDoubt === true;
  }

  async #checkJournal({ runId, step, undo, key }: CallIdentity): Promise<void> {
    const finals = await this.observe(runId);
    const own = finals.get((undo ? 'u:' : 's:') + step);
    if (own && !mayBeTriedAgain(`${undo ? 'u' : 's'}:${step}`, own))
      this.violations.push(`${key} was called after its outcome was recorded`);
    if (undo) return;
    const before = this.#sequence[this.#sequence.indexOf(step) - 1];
    if (before !== undefined && !finals.has(`s:${before}`))
      this.violations.push(`${key} was called before step "${before}" was recorded`);
  }
}

/** What arrives of a value that is sent or recorded. */
function asJson(value: unknown): Json {
  return JSON.parse(JSON.stringify(value) ?? 'null') as Json;
}

/** A refused undo may be tried again once its run was redriven; all else that is final stays. */
function mayBeTriedAgain(field: string, record: string): boolean {
  return field.startsWith('u:') && record.startsWith('{"kind":"rejected"');
}

/** Takes an idempotency key apart: `<run>:<generation>:<step>`, `:undo` for a compensation, `:<n>` after a definite no. */
export function identityOf(call: StepCall): CallIdentity {
  const [runId = '', generation, step = '', ...rest] = call.idempotencyKey.split(':');
  return { key: call.idempotencyKey, runId, generation: Number(generation), step, undo: rest[0] === 'undo' };
}
