import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { openHome } from '../src/home.ts';
import { loadSecrets } from '../src/secrets.ts';

let path: string;

beforeEach(() => {
  const dir = mkdtempSync(join(tmpdir(), 'holdfast-home-'));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  path = join(dir, 'home');
});

describe('a home', () => {
  test('is for one system at a time', () => {
    const home = openHome(path, { reset: false });
    expect(() => openHome(path, { reset: true })).toThrow(
      `Holdfast is already running in ${path} (process ${process.pid})`,
    );
    home.release();
    openHome(path, { reset: false }).release();
  });

  test.each([
    ['is gone', () => JSON.stringify({ pid: spawnSync(process.execPath, ['--version']).pid })],
    ['had the id of a process of today', () => JSON.stringify({ pid: process.pid, startedAt: '1' })],
    ['left half a lock', () => '{"pid":'],
  ])('is taken over when its owner %s', (_what, lock) => {
    openHome(path, { reset: false }).release();
    writeFileSync(join(path, 'lock'), lock());
    openHome(path, { reset: false }).release();
  });

  test('forgets data, not keys, when it is reset', () => {
    openHome(path, { reset: false }).release();
    const secrets = loadSecrets(path);
    for (const part of ['redis', 'sandbox']) writeFileSync(join(path, part, 'data'), 'old');
    openHome(path, { reset: false }).release();
    expect(existsSync(join(path, 'redis', 'data'))).toBe(true);
    openHome(path, { reset: true }).release();
    expect(existsSync(join(path, 'redis', 'data'))).toBe(false);
    expect(existsSync(join(path, 'sandbox', 'data'))).toBe(false);
    expect(loadSecrets(path)).toEqual(secrets);
  });

  test('shows no processes.json of a system that was killed', () => {
    openHome(path, { reset: false }).release();
    const left = join(path, 'processes.json');
    writeFileSync(left, '{}');
    const home = openHome(path, { reset: false });
    expect(existsSync(left)).toBe(false);
    home.release();
  });

  test('empties a log at each start', () => {
    const home = openHome(path, { reset: false });
    const log = home.freshLog('api');
    writeFileSync(log, 'old');
    expect(home.freshLog('api')).toBe(log);
    expect(readFileSync(log, 'utf8')).toBe('');
    home.release();
  });
});

describe('its key and password', () => {
  test('are made once and readable by their owner only', () => {
    openHome(path, { reset: false }).release();
    const made = loadSecrets(path);
    expect(made.apiKey).toMatch(/^hf_[A-Za-z0-9]{40}$/);
    expect(made.dashboardPassword).toMatch(/^[A-Za-z0-9]{20}$/);
    expect(loadSecrets(path)).toEqual(made);
    expect(statSync(join(path, 'secrets.json')).mode & 0o777).toBe(0o600);
  });

  test('are never made anew because their file is damaged', () => {
    openHome(path, { reset: false }).release();
    writeFileSync(join(path, 'secrets.json'), '{"apiKey":');
    expect(() => loadSecrets(path)).toThrow(/secrets\.json is damaged.\nDelete it/);
  });
});
