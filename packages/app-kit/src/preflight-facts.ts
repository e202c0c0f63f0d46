import { DEAD_LETTERS } from '@holdfast/engine';
import { type RedisConnection, tagOf } from '@holdfast/redis';
import { Cluster, type Redis } from 'ioredis';

/** What is known of when a write is on disk. */
export type DiskFacts =
  | {
      readonly from: 'config';
      readonly appendOnly: string;
      readonly appendFsync: string;
      readonly noAppendFsyncOnRewrite: string;
    }
  /** CONFIG is forbidden, and WAITAOF shows that writes are answered before they are on disk. */
  | { readonly from: 'waitaof' }
  /** CONFIG is forbidden, and nothing else tells. */
  | { readonly from: 'nowhere' };

/** What one Redis says of itself, as far as it decides whether accepted runs are safe there. */
export interface RedisFacts {
  /** host:port */
  readonly node: string;
  /** As compared with Redis' own: `7.2.4`. */
  readonly version: string;
  readonly role: string;
  /** Of a replica: host:port of the one it follows. */
  readonly follows: string | undefined;
  readonly aofEnabled: boolean;
  readonly lastAofWrite: string;
  readonly lastSave: string;
  readonly usedMemoryBytes: number;
  /** 0: no bound. */
  readonly maxMemoryBytes: number;
  readonly maxMemoryPolicy: string;
  readonly evictedKeys: number;
  readonly disk: DiskFacts;
  /** Redis' clock minus ours, as far from 0 as is certain. */
  readonly clockSkewMs: number;
  /** Why a script that touches every kind of key was refused. */
  readonly scriptRefusal: string | undefined;
}

/** A node that does not answer what it is asked, and why. */
export interface SilentNode {
  /** host:port */
  readonly node: string;
  readonly refusal: string;
}

export type NodeFacts = RedisFacts | SilentNode;

/**
 * Reads the facts of every node that takes writes.
 * @throws Error when one cannot be reached, or has not loaded its data yet
 */
export async function readFacts(connection: RedisConnection): Promise<NodeFacts[]> {
  const nodes = connection instanceof Cluster ? connection.nodes('master') : [connection];
  if (nodes.length === 0) throw new Error('no node of the cluster is known yet');
  // the script goes to the node that owns our keys; in a cluster it is refused when they are not all in one slot
  const scriptRefusal = await tryScript(connection);
  return Promise.all(
    nodes.map(async (node) => {
      try {
        return { ...(await readNode(node, tagOf(connection))), scriptRefusal };
      } catch (error) {
        if (!isRefusal(error)) throw error;
        return { node: nameOf(node), refusal: error.message };
      }
    }),
  );
}

async function readNode(node: Redis, tag: string): Promise<Omit<RedisFacts, 'scriptRefusal'>> {
  const info = parseInfo(await node.info());
  if (info.get('loading') === '1') throw new Error('redis is loading its data');
  const { disk, maxMemoryPolicy } = await readDisk(node, tag);
  const text = (name: string) => info.get(name) ?? 'unknown';
  const number = (name: string) => Number(info.get(name) ?? 0);
  const follows = info.has('master_host') && `${info.get('master_host')}:${info.get('master_port')}`;
  return {
    node: nameOf(node),
    version: text('redis_version'),
    role: text('role'),
    follows: follows || undefined,
    aofEnabled: info.get('aof_enabled') === '1',
    lastAofWrite: text('aof_last_write_status'),
    lastSave: text('rdb_last_bgsave_status'),
    usedMemoryBytes: number('used_memory'),
    maxMemoryBytes: number('maxmemory'),
    maxMemoryPolicy: maxMemoryPolicy ?? text('maxmemory_policy'),
    evictedKeys: number('evicted_keys'),
    disk,
    clockSkewMs: await readClockSkew(node),
  };
}

function parseInfo(text: string): Map<string, string> {
  return new Map(
    text.split(/\r?\n/).flatMap((line) => {
      const [, name, value] = /^([^#:]+):(.*)$/.exec(line) ?? [];
      return name !== undefined && value !== undefined ? [[name, value] as const] : [];
    }),
  );
}

/** By CONFIG where it is allowed. An unreachable Redis is an error, one that refuses is an answer. */
async function readDisk(
  node: Redis,
  tag: string,
): Promise<{ disk: DiskFacts; maxMemoryPolicy: string | undefined }> {
  try {
    const setting = async (name: string) => String((await node.config('GET', name))[1] ?? 'unknown');
    const [appendOnly, appendFsync, noAppendFsyncOnRewrite, maxMemoryPolicy] = await Promise.all([
      setting('appendonly'),
      setting('appendfsync'),
      setting('no-appendfsync-on-rewrite'),
      setting('maxmemory-policy'),
    ]);
    return { maxMemoryPolicy, disk: { from: 'config', appendOnly, appendFsync, noAppendFsyncOnRewrite } };
  } catch (error) {
    if (!isRefusal(error)) throw error;
    return { maxMemoryPolicy: undefined, disk: await askWaitAof(node, tag) };
  }
}

const WAITAOF_ROUNDS = 3;

/**
 * Can show that writes are answered too early, and never the opposite: under `everysec` some versions (Valkey 8.0 among them) count a
 * write as synced as soon as an event loop's turn has nothing to write. Within MULTI it does not wait.
 */
async function askWaitAof(node: Redis, tag: string): Promise<DiskFacts> {
  try {
    for (let round = 0; round < WAITAOF_ROUNDS; round += 1) {
      await node.set(`${tag}/preflight`, round, 'PX', PROBE_HOLDS_MS);
      const [reply] = (await node.multi().call('WAITAOF', 1, 0, 0).exec()) ?? [];
      const [refusal, counts] = reply ?? [];
      if (refusal) throw refusal;
      if (Array.isArray(counts) && counts[0] === 0) return { from: 'waitaof' };
    }
  } catch (error) {
    if (!isRefusal(error)) throw error;
  }
  return { from: 'nowhere' };
}

/** What the way there and back takes counts in Redis' favour. */
async function readClockSkew(node: Redis): Promise<number> {
  const asked = Date.now();
  const [seconds, micros] = await node.time();
  const answered = Date.now();
  const theirs = Number(seconds) * 1000 + Number(micros) / 1000;
  if (theirs < asked) return Math.round(theirs - asked);
  return Math.max(0, Math.round(theirs - answered));
}

const PROBE_HOLDS_MS = 10_000;

/** One key of each kind that scripts touch together, BullMQ's included. */
const keysWith = (tag: string) => [
  `${tag}/preflight`,
  ...['run/run_0', 'alarms', 'workers', 'canary', 'rollback'].map((name) => `${tag}/${name}`),
  ...['order:wait', 'order:active', `${DEAD_LETTERS}:wait`].map((name) => `${tag}:${name}`),
];

const SCRIPT = `redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[1])
for i = 2, #KEYS do redis.call('EXISTS', KEYS[i]) end
return 'ok'`;

/** Redis takes no writes at the moment, which other facts tell: scripts are not what is wrong. */
const NO_WRITES = /^(OOM|MISCONF|READONLY)\b/;

/** Redis does not take any commands at the moment. */
const NOT_NOW = /^(LOADING|BUSY|MASTERDOWN|NOREPLICAS|CLUSTERDOWN|TRYAGAIN)\b/;

async function tryScript(connection: RedisConnection): Promise<string | undefined> {
  try {
    const keys = keysWith(tagOf(connection));
    await connection.eval(SCRIPT, keys.length, ...keys, PROBE_HOLDS_MS);
    return undefined;
  } catch (error) {
    if (!isRefusal(error)) throw error;
    return NO_WRITES.test(error.message) ? undefined : error.message;
  }
}

/** Redis answered that it will not, for good; the first word of such an answer is its code. */
function isRefusal(error: unknown): error is Error {
  return error instanceof Error && error.name === 'ReplyError' && !NOT_NOW.test(error.message);
}

function nameOf(node: Redis): string {
  return `${node.options.host}:${node.options.port}`;
}
