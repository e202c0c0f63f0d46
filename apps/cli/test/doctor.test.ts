import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startRedis, type TestRedis } from '@holdfast/testkit';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { holdfast } from './support/run-cli.ts';

let good: TestRedis;
let lax: TestRedis;
beforeAll(async () => {
  good = await startRedis();
  lax = await startRedis(['--appendfsync', 'everysec']);
});
afterAll(async () => {
  await good.stop();
  await lax.stop();
});

describe('holdfast doctor', () => {
  test('says that nothing is wrong', async () => {
    const { code, out, err } = await holdfast(['doctor'], { HOLDFAST_REDIS_URL: good.url });
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toMatch(/^ {2}appendfsync +always +ok$/m);
    expect(out).toMatch(/^ {2}scripts +run, over one slot +ok$/m);
    expect(out.trim().split('\n').at(-1)).toBe('No problems found: accepted runs are safe.');
    expect(out.includes('\u001b')).toBe(false);
  });

  test('names what is wrong, what could be lost, and what fixes it', async () => {
    const { code, out } = await holdfast(['doctor', '--redis', lax.url]);
    expect(code).toBe(1);
    expect(out).toMatch(/^ {2}appendfsync +everysec +could lose runs$/m);
    expect(out).toContain('appendfsync is everysec: up to 2 s of accepted runs are lost');
    expect(out).toContain('  fix: redis-cli CONFIG SET appendfsync always');
    expect(out.trim().split('\n').at(-1)).toContain('refuse to start');
  });

  test('says that a mail server elsewhere needs a sender of yours', async () => {
    const env = { HOLDFAST_REDIS_URL: good.url, HOLDFAST_EMAIL_URL: 'smtp://user:canary@mail.example.com' };
    const { code, out } = await holdfast(['doctor'], env);
    expect(code).toBe(1);
    expect(out).toMatch(
      /^HOLDFAST_EMAIL_FROM is missing: .*mail\.example\.com.*"Shop <orders@example\.com>"\.$/m,
    );
    expect(out).not.toContain('canary');
    const asJson = await holdfast(['doctor', '--json'], env);
    expect(JSON.parse(asJson.out)).toMatchObject({
      ok: false,
      variables: [{ variable: 'HOLDFAST_EMAIL_FROM' }],
    });
    for (const more of [
      { HOLDFAST_EMAIL_FROM: 'Shop <orders@example.com>' },
      { HOLDFAST_EMAIL_URL: 'smtp://127.0.0.1:25' },
      { HOLDFAST_PLAINTEXT_HOSTS: 'mail.example.com' },
    ])
      expect((await holdfast(['doctor'], { ...env, ...more })).code).toBe(0);
  });

  test('goes by HOLDFAST_DURABILITY, as API and workers do', async () => {
    const env = { HOLDFAST_REDIS_URL: lax.url, HOLDFAST_DURABILITY: 'standard' };
    const { code, out } = await holdfast(['doctor'], env);
    expect(code).toBe(0);
    expect(out).toContain('could lose runs');
    expect(out.trim().split('\n').at(-1)).toContain('HOLDFAST_DURABILITY=standard accepts the possible loss');
    const misspelt = await holdfast(['doctor'], { ...env, HOLDFAST_DURABILITY: 'lax' });
    expect(misspelt).toMatchObject({ code: 1, err: expect.stringContaining('expected strict or standard') });
  });

  test('shows who vouches for a Redis that does not tell its settings', async () => {
    const admin = new Redis(good.url);
    await admin.call('ACL', 'SETUSER', 'app', 'on', '>secret', '~{hf0}*', '+@all', '-config');
    admin.disconnect();
    const url = good.url.replace('//', '//app:secret@');
    const silent = await holdfast(['doctor'], { HOLDFAST_REDIS_URL: url });
    expect(silent.code).toBe(1);
    expect(silent.out).toContain('HOLDFAST_DURABILITY_ATTEST');
    const attested = await holdfast(['doctor'], {
      ...{ HOLDFAST_REDIS_URL: url, HOLDFAST_DURABILITY_ATTEST: 'ops, 2026-03: appendfsync always' },
    });
    expect(attested.code).toBe(0);
    expect(attested.out).toContain('ops, 2026-03: appendfsync always');
  });

  test('a replica cannot be used, whatever is accepted', async () => {
    const replica = await startRedis(['--replicaof', `127.0.0.1 ${good.port}`]);
    onTestFinished(() => replica.stop());
    const env = { HOLDFAST_REDIS_URL: replica.url, HOLDFAST_DURABILITY: 'standard' };
    const { code, out } = await holdfast(['doctor'], env);
    expect(code).toBe(1);
    expect(out).toMatch(/^ {2}role +replica +cannot be used$/m);
  });

  test('prints JSON', async () => {
    const { code, out } = await holdfast(['doctor', '--json'], { HOLDFAST_REDIS_URL: lax.url });
    expect(code).toBe(1);
    expect(JSON.parse(out)).toMatchObject({
      ok: false,
      durability: 'strict',
      nodes: [
        {
          facts: { role: 'master', disk: { appendFsync: 'everysec' } },
          findings: [{ gravity: 'loss', setting: 'appendfsync', value: 'everysec' }],
        },
      ],
    });
  });

  test('finds the Redis of the system that runs here', async () => {
    const home = mkdtempSync(join(tmpdir(), 'holdfast-cli-'));
    onTestFinished(() => rmSync(home, { recursive: true }));
    const file = join(home, 'processes.json');
    const running = { apiKey: 'hf_x', redis: { pid: 1, url: good.url }, api: { pid: 2, url: 'http://a' } };
    writeFileSync(file, JSON.stringify(running));
    expect(await holdfast(['doctor'], { HOLDFAST_HOME: home })).toMatchObject({ code: 0 });
    writeFileSync(file, '{"redis":1}');
    const { code, err } = await holdfast(['doctor'], { HOLDFAST_HOME: home });
    expect(code).toBe(1);
    expect(err).toContain(file);
  });
});

describe('a Redis that is not to be had', () => {
  test('is told in at most three lines, without passwords', async () => {
    const gone = await startRedis();
    await gone.stop();
    const url = gone.url.replace('//', '//app:secret@');
    const { code, out, err } = await holdfast(['doctor', '--redis', url]);
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toContain('ECONNREFUSED');
    expect(err).not.toContain('secret');
    expect(err.trim().split('\n').length).toBeLessThanOrEqual(3);
  });

  test.each([
    ['not told', [], /HOLDFAST_REDIS_URL is not set/],
    ['no URL', ['--redis', 'localhost:6379'], /expected redis:\/\/host:port/],
  ])('when it is %s', async (_what, args, says) => {
    expect(await holdfast(['doctor', ...args])).toMatchObject({ code: 1, err: expect.stringMatching(says) });
  });

  test('is told as JSON to who asked for JSON', async () => {
    const { code, out, err } = await holdfast(['doctor', '--json']);
    expect({ code, err }).toEqual({ code: 1, err: '' });
    expect(JSON.parse(out)).toEqual({ error: { code: 'operator_error', message: expect.any(String) } });
  });
});
