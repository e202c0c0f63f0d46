import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort, waitFor } from '@holdfast/testkit';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Child, type ChildEvent, ChildStartError, superviseChild } from '../src/child.ts';
import { type Guard, startGuard } from '../src/guard.ts';
import { answersOk } from '../src/http-ready.ts';
import { isAlive } from './is-alive.ts';

const STAND_IN = fileURLToPath(new URL('./stand-in.mjs', import.meta.url));

let dir: string;
let logFile: string;
let guard: Guard;
let events: ChildEvent[];
let child: Child | undefined;
let url: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'holdfast-child-'));
  logFile = join(dir, 'log');
  guard = startGuard();
  events = [];
});

afterEach(async () => {
  await child?.stop();
  await guard.close();
  rmSync(dir, { recursive: true });
});

async function supervise(ways: string[], limits: { readyTimeoutMs?: number; stopGraceMs?: number } = {}) {
  const port = await freePort();
  url = `http://127.0.0.1:${port}`;
  child = superviseChild(
    {
      name: 'stand-in',
      command: process.execPath,
      args: [STAND_IN, String(port), ...ways],
      env: process.env,
      logFile,
      isReady: () => answersOk(url),
      readyTimeoutMs: limits.readyTimeoutMs ?? 10_000,
      stopGraceMs: limits.stopGraceMs ?? 10_000,
    },
    { guard, onEvent: (event) => events.push(event) },
  );
  return child;
}

function pidOf(of: Child): number {
  if (of.pid === undefined) throw new Error('not ready yet');
  return of.pid;
}

describe('a child that dies', () => {
  test('is started again on the same port, and its new id is known once it is ready', async () => {
    const started = await supervise([]);
    await started.firstReady;
    const first = pidOf(started);
    process.kill(first, 'SIGKILL');

    const second = await waitFor(() => pidOf(started) !== first && pidOf(started), { what: 'a new process' });
    expect(isAlive(second)).toBe(true);
    expect(await answersOk(url)).toBe(true);
    expect(events).toEqual([
      { kind: 'ready', name: 'stand-in', pid: first, again: false },
      { kind: 'died', name: 'stand-in', how: 'SIGKILL', restartInMs: 100 },
      { kind: 'ready', name: 'stand-in', pid: second, again: true },
    ]);
  });

  test('waits longer each time it dies soon again', async () => {
    const started = await supervise([]);
    await started.firstReady;
    for (const deaths of [1, 2, 3]) {
      const before = pidOf(started);
      process.kill(before, 'SIGKILL');
      await waitFor(() => pidOf(started) !== before, { what: `life ${deaths + 1}` });
    }
    expect(events.flatMap((e) => (e.kind === 'died' ? [e.restartInMs] : []))).toEqual([100, 200, 400]);
  });

  test('takes the processes with it that it had started', async () => {
    const started = await supervise(['has-a-child']);
    await started.firstReady;
    const before = pidOf(started);
    const [grandchild] = grandchildren();
    process.kill(before, 'SIGKILL');
    await waitFor(() => pidOf(started) !== before, { what: 'a new process' });
    await waitFor(() => !isAlive(grandchild), { what: 'its child to end' });
  });

  test('is not started again once it was stopped, even while it waits for its restart', async () => {
    const started = await supervise([]);
    await started.firstReady;
    process.kill(pidOf(started), 'SIGKILL');
    await waitFor(() => events.some((e) => e.kind === 'died'), { what: 'its death to be noticed' });
    await started.stop();
    expect(await answersOk(url)).toBe(false);
    expect(events.at(-1)?.kind).toBe('died');
  });
});

describe('stopping', () => {
  test('sends SIGTERM once and lets the child end its work', async () => {
    const started = await supervise([]);
    await started.firstReady;
    await Promise.all([started.stop(), started.stop()]);
    expect(isAlive(pidOf(started))).toBe(false);
    expect(readFileSync(logFile, 'utf8')).toBe('SIGTERM\ndrained\n');
  });

  test('kills a child that does not end in time, and what it had started', async () => {
    const started = await supervise(['ignores-sigterm', 'has-a-child'], { stopGraceMs: 50 });
    await started.firstReady;
    await started.stop();
    expect(isAlive(pidOf(started))).toBe(false);
    const [grandchild] = grandchildren();
    await waitFor(() => !isAlive(grandchild), { what: 'its child to end' });
  });

  test('works while the child is still starting', async () => {
    const started = await supervise(['is-never-ready']);
    await waitFor(() => answersAnything(url), { what: 'the child to listen' });
    await started.stop();
    await expect(started.firstReady).rejects.toThrow('it ended');
    expect(await answersAnything(url)).toBe(false);
  });
});

describe('a first start that comes to nothing', () => {
  test('because the process ends', async () => {
    const started = await supervise(['exits-at-once']);
    const error = await started.firstReady.catch((e: unknown) => e);
    expect(error).toBeInstanceOf(ChildStartError);
    expect(error).toMatchObject({ code: 'child_start_failed', reason: 'it ended (exit code 3)' });
    expect(readFileSync(logFile, 'utf8')).toBe('there is no way I could start\n');
    expect(events).toEqual([]);
  });

  test('because it does not get ready in time', async () => {
    const started = await supervise(['is-never-ready'], { readyTimeoutMs: 500 });
    await expect(started.firstReady).rejects.toThrow('it was not ready after 0.5 s');
    expect(await answersAnything(url)).toBe(false);
  });

  test('because there is no such command', async () => {
    child = superviseChild(
      {
        name: 'nothing',
        command: join(dir, 'no-such-command'),
        args: [],
        env: {},
        logFile,
        isReady: async () => true,
        readyTimeoutMs: 1_000,
        stopGraceMs: 1_000,
      },
      { guard, onEvent: (event) => events.push(event) },
    );
    await expect(child.firstReady).rejects.toThrow('ENOENT');
  });
});

test('the guard ends every child, and what it started, when its pipe closes', async () => {
  const started = await supervise(['ignores-sigterm', 'has-a-child'], { stopGraceMs: 50 });
  await started.firstReady;
  const [grandchild] = grandchildren();
  await guard.close();
  await waitFor(() => events.some((e) => e.kind === 'died' && e.how === 'SIGKILL'), { what: 'the kill' });
  await waitFor(() => !isAlive(grandchild), { what: 'its child to end' });
  guard = startGuard();
});

function grandchildren(): [number, ...number[]] {
  const pids = [...readFileSync(logFile, 'utf8').matchAll(/^child (\d+)$/gm)].map((match) =>
    Number(match[1]),
  );
  const [first, ...more] = pids;
  if (first === undefined) throw new Error('the stand-in has named no child');
  return [first, ...more];
}

async function answersAnything(of: string): Promise<boolean> {
  return fetch(of).then(
    () => true,
    () => false,
  );
}
