import { createHash, createHmac } from 'node:crypto';

/** What the id of a callback follows from: the same on every replay, in every process. */
export interface CallbackOfRun {
  readonly runId: string;
  readonly generation: number;
  /** As `nthCallback` gives it. */
  readonly callback: string;
}

/** The ids of callbacks, which nobody can guess and which no record holds. */
export interface CallbackIds {
  /** Resolves once `idOf` can be called. */
  ready(): Promise<void>;
  idOf(callback: CallbackOfRun): string;
}

const PREFIX = 'cb_';
const RUN_ID = /^run_([0-9a-f]{32})$/;
const ID = /^cb_[A-Za-z0-9_-]{64}$/;
const RUN_BYTES = 16;

/**
 * For one drive of a run: a key that is kept for longer might be one that Redis has lost.
 * @param readKey gives the key that all processes share
 */
export function callbackIds(readKey: () => Promise<string>): CallbackIds {
  let key: string | undefined;
  return {
    async ready() {
      key ??= await readKey();
    },
    idOf({ runId, generation, callback }) {
      if (key === undefined) throw new Error('the key of callback ids was not read yet');
      return callbackId(key, { runId, generation, callback });
    },
  };
}

/** Ids that complete nothing, for a replay that has no effect. */
export const NO_CALLBACK_IDS: CallbackIds = {
  ready: async () => {},
  idOf: (callback) => callbackId('replay', callback),
};

/** The run's id, so that it is found without an index, and 256 bits that only the key's owners can make. */
function callbackId(key: string, { runId, generation, callback }: CallbackOfRun): string {
  const [, hex] = RUN_ID.exec(runId) ?? [];
  if (hex === undefined) throw new TypeError(`${runId} is no run id`);
  const secret = createHmac('sha256', key)
    .update(JSON.stringify([runId, generation, callback]))
    .digest();
  return PREFIX + Buffer.concat([Buffer.from(hex, 'hex'), secret]).toString('base64url');
}

/** @returns the run that a callback is of, if there is one with this id; undefined for what is no such id */
export function runIdOfCallback(id: string): string | undefined {
  if (!ID.test(id)) return undefined;
  const bytes = Buffer.from(id.slice(PREFIX.length), 'base64url');
  return `run_${bytes.subarray(0, RUN_BYTES).toString('hex')}`;
}

/** What is kept of an id. */
export function hashOfCallback(id: string): string {
  return createHash('sha256').update(id).digest('hex').slice(0, 32);
}
