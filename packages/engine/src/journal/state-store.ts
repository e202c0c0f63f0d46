import { runScript, type ScriptReply } from '@holdfast/redis';
import type { Cluster, Redis } from 'ioredis';
import type { PayloadCodec } from '../contract/payload-codec.ts';
import type { Json } from '../contract/run.ts';
import type { StateCondition, StateEntry } from '../contract/state.ts';
import type { ClaimedRun, Entry } from './journal.ts';
import { keysOf } from './keys.ts';
import { PayloadCoding } from './payload-coding.ts';
import { loadScript } from './scripts.ts';

/** A value as it is kept: JSON, or that sealed. */
export interface StoredState {
  readonly revision: string;
  readonly text: string;
  readonly sealed: boolean;
}

/** A change that a run makes, and what is recorded of it. */
export interface StateChange extends StoredState {
  readonly name: string;
  /** What the run knows of the value. */
  readonly expected: StateCondition;
  readonly field: string;
  /** Its record, to which what came of it is added. */
  readonly record: string;
}

export type ChangeReply = 'set' | 'conflict' | 'cancel_requested' | 'stale_owner';

/** Where the state of tenants is kept. Each change may be sent twice and counts once. */
export interface StateStore {
  read(tenant: string, name: string): Promise<StoredState | undefined>;
  change(run: ClaimedRun, change: StateChange, entries: readonly Entry[]): Promise<ChangeReply>;
  show(tenant: string, name: string): Promise<StateEntry | undefined>;
  /** @returns undefined when it is not as expected */
  put(
    tenant: string,
    change: { readonly name: string; readonly revision: string; readonly json: string },
    expected: StateCondition,
  ): Promise<{ readonly isNew: boolean; readonly updatedAt: number } | undefined>;
  remove(tenant: string, name: string, expected: StateCondition): Promise<'deleted' | 'changed' | 'unknown'>;
  /** In the order of their names. @param after the name that the page before ended with */
  list(
    tenant: string,
    page: { readonly prefix: string; readonly after: string | undefined; readonly limit: number },
  ): Promise<readonly StateEntry[]>;
}

const scripts = {
  set: loadScript('set-state'),
  put: loadScript('put-state'),
  remove: loadScript('delete-state'),
};

export interface StateStoreOptions {
  readonly connection: Redis | Cluster;
  /** Sends a change; a worker's outlasts a Redis that takes no writes. Default: sends it once. */
  readonly send?: <T>(command: () => Promise<T>) => Promise<T>;
  /** Of what is recorded with a change; the values themselves are sealed where a flow says so. Default: none. */
  readonly codec?: PayloadCodec | undefined;
}

export function redisStateStore({
  connection,
  send = (command) => command(),
  codec,
}: StateStoreOptions): StateStore {
  const keys = keysOf(connection);
  const coding = codec && new PayloadCoding(codec);
  const call = (
    script: keyof typeof scripts,
    keyNames: readonly string[],
    args: readonly (string | number)[],
  ) => send(() => runScript(connection, scripts[script], keyNames, args));
  const ofValue = (tenant: string, name: string) => [keys.state(tenant, name), keys.states(tenant)];

  const show = async (tenant: string, name: string): Promise<StateEntry | undefined> => {
    const { revision, value, sealed, updatedAt } = await connection.hgetall(keys.state(tenant, name));
    if (revision === undefined || value === undefined) return undefined;
    const shown = sealed === '1' ? { encrypted: true as const } : { value: JSON.parse(value) as Json };
    return { name, revision, updatedAt: Number(updatedAt), ...shown };
  };

  return {
    show,

    async read(tenant, name) {
      const [revision, text, sealed] = await connection.hmget(
        keys.state(tenant, name),
        ...['revision', 'value', 'sealed'],
      );
      if (revision == null || text == null) return undefined;
      return { revision, text, sealed: sealed === '1' };
    },

    async change({ runId, tenant, owner }, change, entries) {
      const { name, expected, revision, text, sealed, field, record } = change;
      const outcomes = coding ? await coding.entries(runId, entries) : entries;
      const reply = await call(
        'set',
        [keys.run(runId), keys.alarms, ...ofValue(tenant, name)],
        [
          ...[owner, name, conditionText(expected), revision, text, sealed ? '1' : '', field, record],
          ...outcomes.flatMap((entry) => [entry.field, entry.record]),
        ],
      );
      const known: readonly ScriptReply[] = ['set', 'conflict', 'cancel_requested', 'stale_owner'];
      if (known.includes(reply)) return reply as ChangeReply;
      throw unexpected('set-state', reply);
    },

    async put(tenant, { name, revision, json }, expected) {
      const reply = await call('put', ofValue(tenant, name), [name, conditionText(expected), revision, json]);
      const [word, at] = reply as readonly ScriptReply[];
      if (word === 'changed') return undefined;
      if (word === 'created' || word === 'replaced')
        return { isNew: word === 'created', updatedAt: Number(at) };
      throw unexpected('put-state', reply);
    },

    async remove(tenant, name, expected) {
      const reply = await call('remove', ofValue(tenant, name), [name, conditionText(expected)]);
      if (reply === 'deleted' || reply === 'changed' || reply === 'unknown') return reply;
      throw unexpected('delete-state', reply);
    },

    async list(tenant, { prefix, after, limit }) {
      const from = after !== undefined && after >= prefix ? `(${after}` : `[${prefix}`;
      const names = await connection.zrange(
        keys.states(tenant),
        from,
        // behind all that begins so: no name has this character
        `[${prefix}~`,
        ...(['BYLEX', 'LIMIT', 0, limit] as const),
      );
      const found = await Promise.all(names.map((name) => show(tenant, name)));
      return found.filter((entry) => entry !== undefined);
    },
  };
}

function conditionText(condition: StateCondition): string {
  return typeof condition === 'string' ? condition : `is:${condition.join(',')}`;
}

function unexpected(script: string, reply: ScriptReply): Error {
  return new Error(`${script} answered ${JSON.stringify(reply)}, which this version does not know`);
}
