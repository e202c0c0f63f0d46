import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort, waitFor } from '@holdfast/testkit';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { Processes } from '../src/processes.ts';
import { answersPing } from '../src/redis-server.ts';
import { isAlive } from './is-alive.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const MAIN = join(ROOT, 'apps', 'local', 'dist', 'main.js');

/** `npm start` as a user has it, but for free ports and a home of its own. */
function start(
  home: string,
  env: Record<string, string> = {},
  argv: readonly string[] = [process.execPath, MAIN],
) {
  const free = ['REDIS_PORT', 'API_PORT', 'DASHBOARD_PORT', 'SANDBOX_PORT', 'SMTP_PORT'];
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith('HOLDFAST_'));
  const [command = process.execPath, ...args] = argv;
  const child = spawn(command, args, {
    cwd: ROOT,
    env: {
      ...Object.fromEntries(own),
      ...Object.fromEntries(free.map((name) => [`HOLDFAST_${name}`, '0'])),
      HOLDFAST_HOME: home,
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output: string[] = [];
  child.stdout.on('data', (text) => output.push(String(text)));
  child.stderr.on('data', (text) => output.push(String(text)));
  const exited = once(child, 'close').then(([code]) => code as number | null);
  const said = () => output.join('');
  return {
    said,
    exited,
    kill: (signal: NodeJS.Signals) => child.kill(signal),
    ready: () =>
      waitFor(
        () => {
          if (child.exitCode !== null) throw new Error(`it ended: ${said()}`);
          return said().includes('\nHoldfast is ready\n');
        },
        { what: 'Holdfast to be ready', timeoutMs: 20_000 },
      ),
  };
}

function processesOf(home: string): Processes {
  return JSON.parse(readFileSync(join(home, 'processes.json'), 'utf8'));
}

function pidsOf({ redis, sandbox, api, dashboard, workers }: Processes): number[] {
  const all = [redis, api, dashboard, ...workers, ...(sandbox ? [sandbox] : [])];
  return all.flatMap(({ pid }) => (pid === null ? [] : [pid]));
}

async function allGone(pids: readonly number[]): Promise<void> {
  await waitFor(() => !pids.some(isAlive), { what: 'every process to end', timeoutMs: 2_000 });
}

/** What a shell makes of the printed line: curl's arguments. */
function shownCurl(said: string): { url: string; headers: Record<string, string>; body: string } {
  const line = said.split('\n').find((text) => text.startsWith('curl ')) ?? '';
  const seen = execFileSync('/bin/sh', ['-c', `curl() { printf '%s\\0' "$@"; }\n${line}`], {
    encoding: 'utf8',
  });
  const args = seen.split('\0').slice(0, -1);
  const after = (flag: string) => args.filter((_, index) => args[index - 1] === flag);
  return {
    url: args.find((arg) => arg.startsWith('http')) ?? '',
    headers: Object.fromEntries(after('-H').map((header) => header.split(': ') as [string, string])),
    body: after('-d')[0] ?? '',
  };
}

async function statusOf(location: URL, apiKey: string): Promise<string> {
  const response = await fetch(location, { headers: { authorization: `Bearer ${apiKey}` } });
  const run = (await response.json()) as { status?: string };
  return run.status ?? `HTTP ${response.status}`;
}

let home: string;

beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), 'holdfast-start-'));
});
afterAll(() => rmSync(home, { recursive: true, force: true }));

describe('npm start', { timeout: 60_000 }, () => {
  test('brings everything up, keeps it up, and takes it down', async () => {
    const system = start(home, {}, [process.execPath, MAIN, '--workers', '2']);
    onTestFinished(() => void system.kill('SIGKILL'));
    await system.ready();
    expect(system.said().trimEnd().split('\n').at(-1)).toBe('Holdfast is ready');

    const processes = processesOf(home);
    const pid = expect.any(Number);
    const url = expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect(processes).toEqual({
      apiKey: expect.stringMatching(/^hf_/),
      redis: { pid, url: expect.stringMatching(/^redis:\/\/127\.0\.0\.1:\d+$/) },
      sandbox: { pid, url, smtpUrl: expect.stringMatching(/^smtp:\/\/127\.0\.0\.1:\d+$/) },
      api: { pid, url },
      dashboard: { pid, url, user: 'admin', password: expect.any(String) },
      workers: [
        { pid, url },
        { pid, url },
      ],
    });
    expect(statSync(join(home, 'processes.json')).mode & 0o777).toBe(0o600);

    const curl = shownCurl(system.said());
    const accepted = await fetch(curl.url, { method: 'POST', headers: curl.headers, body: curl.body });
    expect(accepted.status).toBe(202);
    const location = new URL(accepted.headers.get('location') ?? '', processes.api.url);

    const [worker] = processes.workers;
    for (const victim of [processes.redis.pid, worker?.pid]) process.kill(victim ?? 0, 'SIGKILL');
    const after = await waitFor(
      () => {
        const now = processesOf(home);
        return now.redis.pid !== processes.redis.pid && now.workers[0]?.pid !== worker?.pid && now;
      },
      { what: 'processes.json to follow' },
    );
    expect(pidsOf(after).every(isAlive)).toBe(true);
    expect(urlsOf(after)).toEqual(urlsOf(processes));
    await waitFor(async () => (await statusOf(location, processes.apiKey)) === 'completed', {
      what: 'the accepted order to be completed',
      timeoutMs: 20_000,
    });
    expect(system.said()).toMatch(/redis died \(SIGKILL\).*redis is back/s);

    const second = start(home);
    expect(await second.exited).toBe(1);
    expect(second.said()).toContain(`Holdfast is already running in ${home}`);
    expect(pidsOf(processesOf(home)).every(isAlive)).toBe(true);

    system.kill('SIGTERM');
    system.kill('SIGINT'); // npm passes a signal on that we had already
    expect(await system.exited).toBe(0);
    expect(pidsOf(after).filter(isAlive)).toEqual([]);
    expect(existsSync(join(home, 'processes.json'))).toBe(false);
  });

  test('leaves nothing behind when it is killed itself, and starts again with the same key and data', async () => {
    const killed = start(home);
    await killed.ready();
    const processes = processesOf(home);
    const curl = shownCurl(killed.said());
    killed.kill('SIGKILL');
    await killed.exited;
    await allGone(pidsOf(processes));

    const again = start(home, {}, ['npm', 'start', '--', '--workers', '1']);
    onTestFinished(() => void again.kill('SIGKILL'));
    await again.ready();
    const now = processesOf(home);
    expect(now.workers).toHaveLength(1);
    expect(now.apiKey).toBe(processes.apiKey);
    expect(now.dashboard.password).toBe(processes.dashboard.password);
    const replay = await fetch(`${now.api.url}/v1/orders`, {
      method: 'POST',
      headers: curl.headers,
      body: curl.body,
    });
    expect(replay.status).toBe(200);
    expect(replay.headers.get('idempotent-replayed')).toBe('true');

    again.kill('SIGTERM'); // to npm alone, which passes it on
    await again.exited;
    await allGone(pidsOf(now));
    expect(existsSync(join(home, 'lock'))).toBe(false);
  });

  test('says which port is in use and how to choose another, and starts nothing', async () => {
    const own = join(home, 'port-in-use');
    const port = new URL((await occupied()).url).port;
    const refused = start(own, { HOLDFAST_DASHBOARD_PORT: port });
    expect(await refused.exited).toBe(1);
    expect(refused.said()).toMatch(new RegExp(`Port ${port} .*HOLDFAST_DASHBOARD_PORT`, 's'));
    expect(readdirSync(join(own, 'logs'))).toEqual([]);
  });

  test('says that the Redis it was told of does not answer, and where that is set', async () => {
    const port = await freePort();
    const env = { HOLDFAST_REDIS_URL: `redis://:hunter2@127.0.0.1:${port}` };
    const { exited, said } = start(join(home, 'no-redis'), env);
    expect(await exited).toBe(1);
    expect(said()).toMatch(/HOLDFAST_REDIS_URL \(127\.0\.0\.1:\d+\).*ECONNREFUSED.*\n.*unset the variable/);
    expect(said()).not.toContain('hunter2');
  });

  test('shows why a part could not be started, and stops the others', async () => {
    const own = join(home, 'part-fails');
    const redisPort = await freePort();
    const failed = start(own, { HOLDFAST_REDIS_PORT: String(redisPort), HOLDFAST_LOCK_MS: 'soon' });
    expect(await failed.exited).toBe(1);
    expect(failed.said()).toMatch(/Could not start worker-\d: it ended \(exit code 1\).*HOLDFAST_LOCK_MS/s);
    expect(await answersPing(`redis://127.0.0.1:${redisPort}`)).toBe(false);
    expect(readdirSync(own)).not.toContain('processes.json');
  });

  test('explains its options, and refuses others with 2', async () => {
    const wrong = start(home, {}, [process.execPath, MAIN, '--wrokers', '3']);
    expect(await wrong.exited).toBe(2);
    expect(wrong.said()).toMatch(/--wrokers.*Usage: npm start/s);
  });
});

function urlsOf({ redis, sandbox, api, dashboard, workers }: Processes): string[] {
  return [redis, api, dashboard, ...workers, ...(sandbox ? [sandbox] : [])].map(({ url }) => url);
}

/** A port that somebody listens on. */
async function occupied(): Promise<{ url: string }> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return { url: `http://127.0.0.1:${address.port}` };
}
