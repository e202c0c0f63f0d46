import type { NodeFacts, RedisFacts } from './preflight-facts.ts';

/**
 * `unusable`: nothing would work, so nothing starts. `loss`: accepted runs could be lost; `strict` does not start, `standard` does.
 * `trouble`: a person should look, and everything starts.
 */
export type Gravity = 'unusable' | 'loss' | 'trouble';

/** Something about a Redis that is not as it should be. */
export interface Finding {
  readonly gravity: Gravity;
  /** host:port */
  readonly node: string;
  /** A setting of Redis' own, or what else it is about. */
  readonly setting: string;
  readonly value: string;
  /** What could be lost, or goes wrong. */
  readonly risk: string;
  /** The command that fixes it, for redis-cli or a shell. */
  readonly fix: string;
}

export const OLDEST_VERSION = '6.2';
const MAX_SKEW_MS = 1_000;
const NEARLY_FULL_RATIO = 0.9;

/**
 * Decides what is wrong with a Redis.
 * @param attest the operator's attestation of its durability, for a Redis that hides its settings
 */
export function judgeRedis(facts: NodeFacts, attest: string | undefined): Finding[] {
  if ('refusal' in facts) {
    const risk = 'whether accepted runs are safe there is unknown';
    const fix = 'redis-cli ACL SETUSER <user> +info +time +config|get';
    return [{ node: facts.node, ...unusable('access', facts.refusal, risk, fix) }];
  }
  const findings = RULES.flatMap((rule) => rule(facts, attest)).map((finding) => ({
    node: facts.node,
    ...finding,
  }));
  // of one that cannot be used at all, the rest does not matter
  const fatal = findings.filter(({ gravity }) => gravity === 'unusable');
  return fatal.length > 0 ? fatal : findings;
}

type Rule = (facts: RedisFacts, attest: string | undefined) => Omit<Finding, 'node'>[];

const RULES: readonly Rule[] = [
  ({ version }) => {
    if (isAtLeast(version, OLDEST_VERSION)) return [];
    const risk = `commands that are needed do not exist before Redis ${OLDEST_VERSION}`;
    return [unusable('redis_version', version, risk, `install Redis ${OLDEST_VERSION} or newer`)];
  },

  ({ role, follows }) => {
    if (role === 'master') return [];
    const risk = 'it accepts no writes, and discards its own data when it follows another';
    const fix = follows ? `HOLDFAST_REDIS_URL=redis://${follows}` : 'redis-cli REPLICAOF NO ONE';
    return [unusable('role', role === 'slave' ? 'replica' : role, risk, fix)];
  },

  ({ scriptRefusal }) => {
    if (scriptRefusal === undefined) return [];
    const risk = 'every change of a run is a script over several keys, so no run could be accepted';
    return [
      unusable(
        'scripts',
        scriptRefusal,
        risk,
        'redis-cli ACL SETUSER <user> +@scripting +@read +@write +@pubsub ~{hf0}* &{hf0}*',
      ),
    ];
  },

  ({ maxMemoryPolicy }) => {
    if (maxMemoryPolicy === 'noeviction') return [];
    const risk = 'runs and their jobs are evicted when memory runs short';
    return [
      loss('maxmemory-policy', maxMemoryPolicy, risk, 'redis-cli CONFIG SET maxmemory-policy noeviction'),
    ];
  },

  onDisk,

  ({ lastAofWrite }) => {
    if (lastAofWrite !== 'err') return [];
    const risk = 'the append-only file cannot be written, so nothing is accepted until it can';
    return [trouble('aof_last_write_status', 'err', risk, 'df -h, and the log of Redis, say why')];
  },

  ({ lastSave }) => {
    if (lastSave !== 'err') return [];
    const risk = 'the last snapshot failed; Redis may take no writes until one succeeds';
    return [trouble('rdb_last_bgsave_status', 'err', risk, 'fix the disk, then redis-cli BGSAVE')];
  },

  ({ usedMemoryBytes, maxMemoryBytes }) => {
    if (maxMemoryBytes === 0 || usedMemoryBytes < maxMemoryBytes * NEARLY_FULL_RATIO) return [];
    const value = `${megabytes(usedMemoryBytes)} of ${megabytes(maxMemoryBytes)} MB`;
    const risk = 'nothing is accepted once it is full';
    return [
      trouble(
        'used_memory',
        value,
        risk,
        'redis-cli CONFIG SET maxmemory <more>, or a shorter HOLDFAST_RETENTION',
      ),
    ];
  },

  ({ evictedKeys }) => {
    if (evictedKeys === 0) return [];
    const risk = 'keys were evicted since Redis started; runs may be among them';
    const fix = 'look for runs that clients know and Redis does not, then redis-cli CONFIG RESETSTAT';
    return [trouble('evicted_keys', String(evictedKeys), risk, fix)];
  },

  ({ clockSkewMs }) => {
    if (Math.abs(clockSkewMs) < MAX_SKEW_MS) return [];
    const value = `${clockSkewMs > 0 ? '+' : '−'}${(Math.abs(clockSkewMs) / 1000).toFixed(1)} s`;
    const risk = 'retries and timers are early or late by as much';
    return [trouble('clock', value, risk, 'timedatectl set-ntp true, on both machines')];
  },
];

/** Whether a write is on disk when it is answered. */
function onDisk({ disk, aofEnabled }: RedisFacts, attest: string | undefined): Omit<Finding, 'node'>[] {
  if (disk.from !== 'config') return untold(disk.from === 'waitaof', attest);
  const findings: Omit<Finding, 'node'>[] = [];
  if (disk.appendOnly !== 'yes' || !aofEnabled) {
    const value = disk.appendOnly === 'yes' ? 'yes, but not active' : disk.appendOnly;
    const risk = 'everything since the last snapshot is lost when Redis stops';
    findings.push(loss('appendonly', value, risk, 'redis-cli CONFIG SET appendonly yes'));
  }
  if (disk.appendFsync !== 'always') {
    const risk =
      disk.appendFsync === 'everysec'
        ? 'up to 2 s of accepted runs are lost when the machine fails'
        : 'whatever the kernel has not written yet, often 30 s, is lost when the machine fails';
    findings.push(loss('appendfsync', disk.appendFsync, risk, 'redis-cli CONFIG SET appendfsync always'));
  }
  if (disk.noAppendFsyncOnRewrite !== 'no') {
    const risk = 'while the file is rewritten nothing is synced, not even with appendfsync always';
    const fix = 'redis-cli CONFIG SET no-appendfsync-on-rewrite no';
    findings.push(loss('no-appendfsync-on-rewrite', disk.noAppendFsyncOnRewrite, risk, fix));
  }
  return findings;
}

/** The operator may attest what Redis hides; what contradicts the attestation is reported as trouble. */
function untold(tooEarly: boolean, attest: string | undefined): Omit<Finding, 'node'>[] {
  if (attest !== undefined && !tooEarly) return [];
  const value = tooEarly ? 'not always, as WAITAOF shows' : 'unknown: CONFIG is not allowed';
  const risk = 'how much is lost when Redis or its machine fails is unknown';
  const fix = 'redis-cli ACL SETUSER <user> +config|get, or HOLDFAST_DURABILITY_ATTEST="<who confirms what>"';
  return [(attest === undefined ? loss : trouble)('appendfsync', value, risk, fix)];
}

const finding =
  (gravity: Gravity) =>
  (setting: string, value: string, risk: string, fix: string): Omit<Finding, 'node'> => ({
    ...{ gravity, setting, value, risk, fix },
  });
const unusable = finding('unusable');
const loss = finding('loss');
const trouble = finding('trouble');

function isAtLeast(version: string, wanted: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [wantedMajor = 0, wantedMinor = 0] = wanted.split('.').map(Number);
  return major > wantedMajor || (major === wantedMajor && minor >= wantedMinor);
}

function megabytes(bytes: number): string {
  return (bytes / 1024 / 1024).toFixed(0);
}
