import { describe, expect, test } from 'vitest';
import type { RedisFacts } from '../src/preflight-facts.ts';
import { refusalText } from '../src/preflight-report.ts';
import { judgeRedis } from '../src/preflight-rules.ts';

const GOOD: RedisFacts = {
  node: '127.0.0.1:6379',
  version: '7.0.15',
  role: 'master',
  follows: undefined,
  aofEnabled: true,
  lastAofWrite: 'ok',
  lastSave: 'ok',
  usedMemoryBytes: 1_000_000,
  maxMemoryBytes: 0,
  maxMemoryPolicy: 'noeviction',
  evictedKeys: 0,
  disk: { from: 'config', appendOnly: 'yes', appendFsync: 'always', noAppendFsyncOnRewrite: 'no' },
  clockSkewMs: 0,
  scriptRefusal: undefined,
};
const DISK = {
  from: 'config',
  appendOnly: 'yes',
  appendFsync: 'always',
  noAppendFsyncOnRewrite: 'no',
} as const;
const MB = 1024 * 1024;

test('a Redis with the right settings has nothing wrong', () => {
  expect(judgeRedis(GOOD, undefined)).toEqual([]);
});

describe('is refused or reported:', () => {
  test.each<[string, Partial<RedisFacts>, string, string, RegExp, RegExp]>([
    ['no file', { disk: { ...DISK, appendOnly: 'no' } }, 'loss', 'appendonly', /^no$/, /appendonly yes/],
    ['a file not at work', { aofEnabled: false }, 'loss', 'appendonly', /not active/, /appendonly yes/],
    [
      ...(['a file each second', { disk: { ...DISK, appendFsync: 'everysec' } }] as const),
      ...(['loss', 'appendfsync', /^everysec$/, /appendfsync always/] as const),
    ],
    [
      ...(['a file whenever', { disk: { ...DISK, appendFsync: 'no' } }] as const),
      ...(['loss', 'appendfsync', /^no$/, /appendfsync always/] as const),
    ],
    [
      ...(['no sync while rewriting', { disk: { ...DISK, noAppendFsyncOnRewrite: 'yes' } }] as const),
      ...(['loss', 'no-appendfsync-on-rewrite', /^yes$/, /no-appendfsync-on-rewrite no/] as const),
    ],
    [
      ...(['eviction', { maxMemoryPolicy: 'allkeys-lru' }] as const),
      ...(['loss', 'maxmemory-policy', /^allkeys-lru$/, /maxmemory-policy noeviction/] as const),
    ],
    [
      'nothing told',
      { disk: { from: 'nowhere' } },
      'loss',
      'appendfsync',
      /CONFIG/,
      /HOLDFAST_DURABILITY_ATTEST/,
    ],
    [
      ...(['late writes', { disk: { from: 'waitaof' } }] as const),
      ...(['loss', 'appendfsync', /WAITAOF shows/, /config\|get/] as const),
    ],
    [
      ...(['a replica', { role: 'slave', follows: '10.0.0.1:6379' }] as const),
      ...(['unusable', 'role', /^replica$/, /redis:\/\/10\.0\.0\.1:6379/] as const),
    ],
    ['an old version', { version: '6.0.20' }, 'unusable', 'redis_version', /^6\.0\.20$/, /6\.2/],
    ['no scripts', { scriptRefusal: 'NOPERM no' }, 'unusable', 'scripts', /NOPERM/, /\+@scripting/],
    [
      'a file that cannot be written',
      { lastAofWrite: 'err' },
      'trouble',
      'aof_last_write_status',
      /err/,
      /df/,
    ],
    ['a failed snapshot', { lastSave: 'err' }, 'trouble', 'rdb_last_bgsave_status', /err/, /BGSAVE/],
    [
      ...(['little memory left', { usedMemoryBytes: 91 * MB, maxMemoryBytes: 100 * MB }] as const),
      ...(['trouble', 'used_memory', /^91 of 100 MB$/, /maxmemory/] as const),
    ],
    ['evictions', { evictedKeys: 3 }, 'trouble', 'evicted_keys', /^3$/, /RESETSTAT/],
    ['a fast clock', { clockSkewMs: 1_000 }, 'trouble', 'clock', /^\+1\.0 s$/, /ntp/],
    ['a slow clock', { clockSkewMs: -300_000 }, 'trouble', 'clock', /^−300\.0 s$/, /ntp/],
  ])('%s', (_what, facts, gravity, setting, value, fix) => {
    expect(judgeRedis({ ...GOOD, ...facts }, undefined)).toEqual([
      {
        ...{ gravity, setting, node: GOOD.node, risk: expect.stringMatching(/\w/) },
        ...{ value: expect.stringMatching(value), fix: expect.stringMatching(fix) },
      },
    ]);
  });
});

test.each<[string, Partial<RedisFacts>]>([
  ['Valkey, which calls itself Redis 7.2', { version: '7.2.4' }],
  ['Redis 6.2', { version: '6.2.0' }],
  ['Redis 10', { version: '10.0.0' }],
  ['memory with some room', { usedMemoryBytes: 89 * MB, maxMemoryBytes: 100 * MB }],
  ['a clock that is a little off', { clockSkewMs: -999 }],
])('%s is as good', (_what, facts) => {
  expect(judgeRedis({ ...GOOD, ...facts }, undefined)).toEqual([]);
});

test('several things are told at once; of one that cannot be used, only why', () => {
  const facts = {
    ...GOOD,
    maxMemoryPolicy: 'volatile-lru',
    disk: { ...DISK, appendOnly: 'no' },
    evictedKeys: 1,
  };
  const settings = (of: RedisFacts) => judgeRedis(of, undefined).map(({ setting }) => setting);
  expect(settings(facts)).toEqual(['maxmemory-policy', 'appendonly', 'evicted_keys']);
  expect(settings({ ...facts, role: 'slave' })).toEqual(['role']);
});

describe('somebody who vouches for it', () => {
  test('is believed where nothing is told', () => {
    const silent = { ...GOOD, aofEnabled: false, disk: { from: 'nowhere' } } as const;
    expect(judgeRedis(silent, 'ops: multi-AZ log')).toEqual([]);
  });

  test('and WAITAOF says otherwise: it starts, and the contradiction is told', () => {
    const facts = { ...GOOD, disk: { from: 'waitaof' } } as const;
    expect(judgeRedis(facts, 'ops: multi-AZ log')).toMatchObject([
      { gravity: 'trouble', setting: 'appendfsync', value: expect.stringContaining('WAITAOF') },
    ]);
  });

  test('is not believed against what Redis says itself', () => {
    const disk = { ...DISK, appendFsync: 'everysec' };
    expect(judgeRedis({ ...GOOD, disk }, 'ops: it is fine')).toHaveLength(1);
    expect(judgeRedis({ ...GOOD, maxMemoryPolicy: 'allkeys-lru' }, 'ops: it is fine')).toHaveLength(1);
  });
});

test('a node that may not be asked cannot be used', () => {
  const refusal = "NOPERM User app has no permissions to run the 'info' command";
  expect(judgeRedis({ node: 'r:1', refusal }, 'ops: it is fine')).toMatchObject([
    { gravity: 'unusable', setting: 'access', value: refusal, fix: expect.stringContaining('+info') },
  ]);
});

describe('why nothing starts', () => {
  test('is told in two lines a finding, and how to go on', () => {
    const findings = judgeRedis(
      { ...GOOD, maxMemoryPolicy: 'allkeys-lru', disk: { ...DISK, appendOnly: 'no' } },
      undefined,
    );
    expect(refusalText(findings, 'strict').split('\n')).toEqual([
      'This Redis could lose runs that were accepted (HOLDFAST_DURABILITY is strict):',
      '  redis 127.0.0.1:6379: maxmemory-policy is allkeys-lru: runs and their jobs are evicted when memory runs short',
      '    fix: redis-cli CONFIG SET maxmemory-policy noeviction',
      '  redis 127.0.0.1:6379: appendonly is no: everything since the last snapshot is lost when Redis stops',
      '    fix: redis-cli CONFIG SET appendonly yes',
      'Fix it and start again; redis-cli CONFIG REWRITE makes it permanent. Or set HOLDFAST_DURABILITY=standard to accept the possible loss.',
    ]);
  });

  test('offers to accept the loss only where that is all', () => {
    const text = refusalText(judgeRedis({ ...GOOD, role: 'slave' }, undefined), 'standard');
    expect(text).toMatch(/^This Redis cannot be used:/);
    expect(text).not.toContain('HOLDFAST_DURABILITY');
  });
});
