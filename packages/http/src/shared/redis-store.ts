import { runScript, tagOf } from '@holdfast/redis';
import type { Cluster, Redis } from 'ioredis';
import { z } from 'zod';
import { loadScript } from './scripts.ts';
import type {
  Admission,
  Ask,
  EndpointStanding,
  Limits,
  Reading,
  Reopened,
  Report,
  Result,
  Settled,
  SharedStore,
  Standing,
  Taken,
} from './shared-store.ts';
import { ErrorSeen } from './tally.ts';

export interface RedisStoreOptions {
  /** Stays the caller's to close. */
  readonly connection: Redis | Cluster;
  /** What all keys begin with: one hash tag, as a script touches several. Default: the engine's. */
  readonly prefix?: string;
  /** Unix milliseconds. Default: Redis' own clock. */
  readonly now?: () => number;
}

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const COUNTS_TTL_MS = 70 * MINUTE_MS;
const ERRORS_KEPT = 100;
const ERRORS_TTL_MS = 7 * DAY_MS;
const SCOPES_TTL_MS = 7 * DAY_MS;

const SCRIPTS = {
  admit: loadScript('admit'),
  settle: loadScript('settle'),
  record: loadScript('record'),
  readStanding: loadScript('read-standing'),
  reopen: loadScript('reopen'),
};

const Flag = z.enum(['0', '1']).transform((flag) => flag === '1');
const Admitted = z.union([
  z.tuple([z.literal('go'), z.number(), z.number(), Flag, Flag, Flag]),
  z.tuple([z.literal('wait'), z.number(), z.enum(['breaker', 'gate', 'concurrency', 'rate']), z.number()]),
]);
const SettledReply = z.tuple([z.number(), z.number(), z.union([z.literal(''), z.number()]), Flag]);
const ReopenReply = z.tuple([z.number(), z.enum(['closed', 'open'])]);
const StandingReply = z.tuple([
  z.string(),
  z.string(),
  z.number(),
  z.enum(['closed', 'open', 'half_open']),
  z.number(),
  z.number(),
]);

/**
 * Shared through Redis, one script a question: rate, burst, concurrency, gate and breaker are looked at together, in one round trip.
 * Every key has a TTL.
 */
export function redisStore({ connection, prefix = tagOf(connection), now }: RedisStoreOptions): SharedStore {
  const clock = () => (now ? now() : '');
  const stateKeys = (scope: string) => [`${prefix}/limit/${scope}`, `${prefix}/limit/${scope}/slots`];
  const failedKey = (scope: string) => `${prefix}/limit/${scope}/failed`;
  const takenKey = (scope: string) => `${prefix}/limit/${scope}/taken`;
  const endpointKeys = (scope: string, endpoint: string) => {
    const state = `${prefix}/limit/${scope}/at/${endpoint}`;
    return [state, `${state}/taken`];
  };
  const refusedKey = (scope: string) => `${prefix}/limit/${scope}/refused`;
  const countsKey = (scope: string, minute: number) => `${prefix}/health/${scope}/${minute}`;
  const errorsKey = (scope: string) => `${prefix}/health/${scope}/errors`;
  const scopesKey = `${prefix}/providers`;

  const standing = async (scope: string): Promise<Standing> =>
    readStanding(await runScript(connection, SCRIPTS.readStanding, stateKeys(scope), [clock()]));
  /** Endpoints that were refused in the last day. */
  const endpoints = async (scope: string): Promise<readonly EndpointStanding[]> => {
    const names = await connection.zrange(refusedKey(scope), '0', '-1');
    const all = names.toSorted().map(async (endpoint) => {
      const [state = ''] = endpointKeys(scope, endpoint);
      const keys = [state, stateKeys(scope)[1] ?? ''];
      const held = readStanding(await runScript(connection, SCRIPTS.readStanding, keys, [clock()]));
      const { breaker: _, slotsHeld: __, ...limit } = held;
      return { endpoint, ...limit };
    });
    const isSlowed = ({ learnedPerSecond, closedForMs }: EndpointStanding) =>
      learnedPerSecond !== undefined || closedForMs > 0;
    return (await Promise.all(all)).filter(isSlowed);
  };
  const redisMinute = async (): Promise<number> => {
    if (now) return Math.floor(now() / MINUTE_MS);
    const [seconds] = await connection.time();
    return Math.floor(Number(seconds) / 60);
  };

  return {
    async admit(scope, { permit, limits, endpoint, leaseMs, patienceMs, again, unused = false }: Ask) {
      const { ratePerSecond = '', concurrency = '' } = limits;
      const args = [permit, clock(), ratePerSecond, burstOf(limits), concurrency, leaseMs, patienceMs];
      const atEndpoint = endpoint === undefined ? [] : endpointKeys(scope, endpoint);
      const keys = [...stateKeys(scope), takenKey(scope), ...atEndpoint];
      return readAdmission(
        await runScript(connection, SCRIPTS.admit, keys, [...args, again ? '1' : '0', unused ? '1' : '0']),
      );
    },

    async settle(scope, result: Result): Promise<Settled> {
      const {
        permit,
        admittedAtMs,
        verdict,
        closedForMs = '',
        policyPerSecond = '',
        breaker,
        endpoint,
      } = result;
      const args = [permit, clock(), admittedAtMs, verdict, closedForMs, policyPerSecond];
      const more = [pack(result.taken), result.limits.ratePerSecond ?? '', breaker.firstMs, breaker.maxMs];
      const at = endpoint
        ? [endpoint.name, pack(endpoint.taken), endpoint.accountIsLimited ? '1' : '']
        : ['', '', ''];
      const keys = [...stateKeys(scope), takenKey(scope), failedKey(scope), refusedKey(scope)];
      const atEndpoint = endpoint ? endpointKeys(scope, endpoint.name) : [];
      const reply = await runScript(
        connection,
        SCRIPTS.settle,
        [...keys, ...atEndpoint],
        [...args, ...more, ...at],
      );
      const [, gateMs, breakerMs, opened] = SettledReply.parse(reply);
      return { gateMs, ...(breakerMs === '' ? {} : { breakerMs }), opened };
    },

    async record(scope, { minute, taken, takenAt = new Map(), counts, errors }: Report) {
      const shared = [takenKey(scope), countsKey(scope, minute), errorsKey(scope), scopesKey];
      const keys = [
        ...shared,
        ...[...takenAt.keys()].map((endpoint) => endpointKeys(scope, endpoint)[1] ?? ''),
      ];
      const kept = [COUNTS_TTL_MS, ERRORS_KEPT, ERRORS_TTL_MS, SCOPES_TTL_MS, counts.size];
      const args = [
        clock(),
        scope,
        pack(taken),
        ...kept,
        ...[...counts].flat(),
        ...[...takenAt.values()].map(pack),
      ];
      await runScript(connection, SCRIPTS.record, keys, [...args, ...errors.map((e) => JSON.stringify(e))]);
    },

    async reopen(scope): Promise<Reopened> {
      const refused = await connection.zrange(refusedKey(scope), '0', '-1');
      const states = refused.map((endpoint) => endpointKeys(scope, endpoint)[0] ?? '');
      const keys = [`${prefix}/limit/${scope}`, failedKey(scope), ...states];
      const [closedForMs, breaker] = ReopenReply.parse(
        await runScript(connection, SCRIPTS.reopen, keys, [clock()]),
      );
      return { closedForMs, breaker };
    },

    scopes: () => connection.zrange(scopesKey, '0', '-1').then((scopes) => scopes.toSorted()),

    async read(scope, minutes): Promise<Reading> {
      const minute = await redisMinute();
      const back = Array.from({ length: Math.min(60, minutes) }, (_, n) => minute - n);
      const [held, slowed, errors, ...counts] = await Promise.all([
        standing(scope),
        endpoints(scope),
        connection.lrange(errorsKey(scope), 0, -1),
        ...back.map((each) => connection.hgetall(countsKey(scope, each))),
      ]);
      return {
        standing: held,
        endpoints: slowed,
        counts: sum(counts),
        errors: errors.map((text) => ErrorSeen.parse(JSON.parse(text))),
      };
    },
  };
}

function burstOf({ ratePerSecond = 0, burst }: Limits): number {
  return burst ?? Math.max(1, Math.ceil(ratePerSecond / 10));
}

function pack(taken: Taken): string {
  return [...taken].map(([bucket, count]) => `${bucket}:${count}`).join(',');
}

function readAdmission(reply: unknown): Admission {
  const parsed = Admitted.parse(reply);
  if (parsed[0] === 'wait') {
    const [, nowMs, reason, waitMs] = parsed;
    return { go: false, nowMs, reason, waitMs };
  }
  const [, nowMs, waitMs, oneByOne, probe, spaced] = parsed;
  return { go: true, nowMs, waitMs, oneByOne, probe, spaced };
}

function readStanding(reply: unknown): Standing {
  const [learned, ceiling, closedForMs, state, probeInMs, slotsHeld] = StandingReply.parse(reply);
  return {
    ...(learned === '' ? {} : { learnedPerSecond: Number(learned) }),
    ...(ceiling === '' ? {} : { ceilingPerSecond: Number(ceiling) }),
    closedForMs,
    breaker: state === 'open' ? { state, probeInMs } : { state },
    slotsHeld,
  };
}

function sum(minutes: readonly Readonly<Record<string, string>>[]): Map<string, number> {
  const total = new Map<string, number>();
  for (const minute of minutes) {
    for (const [name, count] of Object.entries(minute)) {
      total.set(name, (total.get(name) ?? 0) + Number(count));
    }
  }
  return total;
}
