import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createDriver, type Driver } from '@holdfast/engine/testing';
import { aesGcm } from '@holdfast/project';
import { startRedis, type TestRedis, waitFor } from '@holdfast/testkit';
import { Redis } from 'ioredis';
import { WebSocket } from 'undici';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runCli } from '../src/cli.ts';
import { holdfast } from './support/run-cli.ts';

const KEYS = `k1:${Buffer.alloc(32, 7).toString('base64')}`;
const CONFIG = fileURLToPath(new URL('./support/debug-project/holdfast.config.ts', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'holdfast-debugged-'));
const EFFECTS = join(folder, 'effects');

let redis: TestRedis;
let connection: Redis;
let driver: Driver;
let waiting: string;
let completed: string;
let env: Record<string, string>;

beforeAll(async () => {
  redis = await startRedis();
  connection = new Redis(redis.url, { maxRetriesPerRequest: null });
  process.env.EFFECTS = EFFECTS;
  const { approved } = await import('./support/debug-project/holdfast.config.ts');
  driver = createDriver({
    connection,
    flows: [approved],
    codec: aesGcm({ env: { HOLDFAST_ENCRYPTION_KEYS: KEYS } }),
  });
  const drivenTo = async (key: string, status: string) => {
    const runId = await driver.submit(approved, { what: key }, key);
    await waitFor(
      async () => {
        await driver.drive(runId);
        const run = await driver.read(runId);
        const waitsFor = run?.status === 'suspended' ? run.waitingFor.kind : run?.status;
        if (waitsFor === 'signal' && status !== 'signal')
          await driver.signal(runId, { id: 's', name: 'answer', payload: 'yes' });
        return waitsFor === status;
      },
      { what: `the run to be ${status}` },
    );
    return runId;
  };
  waiting = await drivenTo('waiting', 'signal');
  completed = await drivenTo('completed', 'completed');
  rmSync(EFFECTS);
  env = {
    PATH: process.env.PATH ?? '',
    ...{ HOLDFAST_REDIS_URL: redis.url, HOLDFAST_CONFIG: CONFIG, HOLDFAST_ENCRYPTION_KEYS: KEYS, EFFECTS },
  };
});
afterAll(async () => {
  await driver.close();
  connection.disconnect();
  await redis.stop();
  rmSync(folder, { recursive: true });
  delete process.env.EFFECTS;
});

test('plays a run back to where it stands, without any effect, and leaves it as it is', async () => {
  const before = await connection.dump(`{hf0}/run/${waiting}`);
  const files = readdirSync(tmpdir()).filter((name) => name.startsWith('holdfast-debug-'));
  const { code, out, err } = await holdfast(['debug', waiting, '--no-break'], env);
  expect({ code, err }).toEqual({ code: 0, err: '' });
  expect(out).toMatch(
    new RegExp(`^${waiting}, approved v1, suspended: replayed without any effect.
  step "ask": as recorded
  the sleep number 1: as recorded
  the wait for signal "answer": not over
The run stands here. Waits for .*answer.*\\n$`),
  );
  expect(existsSync(EFFECTS)).toBe(false);
  expect(await connection.dump(`{hf0}/run/${waiting}`)).toEqual(before);
  // what was downloaded is gone
  expect(readdirSync(tmpdir()).filter((name) => name.startsWith('holdfast-debug-'))).toEqual(files);
});

test('plays a completed run back to its end, and says so as JSON', async () => {
  const { code, out } = await holdfast(['debug', completed, '--no-break', '--json'], env);
  expect(code).toBe(0);
  expect(JSON.parse(out)).toEqual({
    ...{
      runId: completed,
      flow: 'approved',
      version: 1,
      generation: 1,
      status: 'completed',
      outcome: 'fits',
    },
    passed: ['step "ask"', 'the sleep number 1', 'the wait for signal "answer"', 'step "tell"'],
    open: [],
  });
});

test("says where the journal and today's code part", async () => {
  const { code, out } = await holdfast(['debug', completed, '--no-break'], { ...env, RENAMED: 'inform' });
  expect(code).toBe(1);
  expect(out).toContain('The journal goes on with step "tell"; the code asks for step "inform".');
});

test('says what is missing, without a stack', async () => {
  const unknown = await holdfast(['debug', 'run_00000000000000000000000000000000', '--no-break'], env);
  expect(unknown).toMatchObject({ code: 1, err: expect.stringContaining('There is no run run_0000') });
  const { HOLDFAST_ENCRYPTION_KEYS: _, ...keyless } = env;
  const unread = await holdfast(['debug', waiting, '--no-break'], keyless);
  expect(unread.code).toBe(1);
  expect(unread.err).toContain('HOLDFAST_ENCRYPTION_KEYS');
  expect(unread.err).not.toMatch(/^ {4}at /m);
});

test('stops in the debugger where the flow is about to begin', async () => {
  let [out, err] = ['', ''];
  const ran = runCli(['debug', completed, '--port', '0'], {
    env,
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += text;
    },
    ...{ outIsTerminal: false, errIsTerminal: false },
  });
  const url = await waitFor(() => /ws:\/\/127\.0\.0\.1:\d+\/\S+/.exec(err)?.[0], { what: 'the debugger' });
  const socket = new WebSocket(url);
  await new Promise((resolve) => socket.addEventListener('open', resolve, { once: true }));
  let id = 0;
  const ask = (method: string) => socket.send(JSON.stringify({ id: ++id, method }));
  const stops: string[] = [];
  const urls = new Map<string, string>();
  socket.addEventListener('message', ({ data }) => {
    const { method, params } = JSON.parse(String(data));
    if (method === 'Debugger.scriptParsed') urls.set(params.scriptId, params.url);
    if (method !== 'Debugger.paused') return;
    stops.push(urls.get(params.callFrames[0].location.scriptId) ?? '');
    ask('Debugger.resume');
  });
  for (const method of ['Runtime.enable', 'Debugger.enable', 'Runtime.runIfWaitingForDebugger']) ask(method);
  await waitFor(() => out.includes('The run stands here. Completed'), { what: 'the end of the replay' });
  expect(stops).toEqual([expect.stringContaining('debug-child.'), 'holdfast-debug']);
  socket.close();
  expect(await ran).toBe(0);
  expect(err).toContain('chrome://inspect');
  expect(existsSync(EFFECTS)).toBe(false);
});
