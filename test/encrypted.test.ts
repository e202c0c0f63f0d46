import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { type Processes, readSettings, type System, startSystem } from '@holdfast/local';
import { afterAll, beforeAll, expect, it } from 'vitest';

/** examples/encrypted as `holdfast dev` runs it. */
const EXAMPLE = fileURLToPath(new URL('../examples/encrypted', import.meta.url));
const PATIENCE_MS = 90_000;
const home = mkdtempSync(join(tmpdir(), 'holdfast-encrypted-'));

let system: System;
let processes: Processes;
beforeAll(async () => {
  const settings = readSettings(
    {
      PATH: process.env.PATH,
      HOLDFAST_HOME: home,
      HOLDFAST_CONFIG: join(EXAMPLE, 'holdfast.config.ts'),
      ...{ HOLDFAST_REDIS_PORT: '0', HOLDFAST_API_PORT: '0', HOLDFAST_DASHBOARD_PORT: '0' },
    },
    { workers: 1, sandbox: false },
  );
  system = await startSystem(settings, {
    reset: false,
    onEvent: () => {},
    signal: new AbortController().signal,
  });
  processes = JSON.parse(readFileSync(join(home, 'processes.json'), 'utf8'));
}, PATIENCE_MS);
afterAll(async () => {
  await system?.stop();
  rmSync(home, { recursive: true, force: true });
}, PATIENCE_MS);

function api(path: string, body?: object, headers: Record<string, string> = {}, apiKey = processes.apiKey) {
  return fetch(`${processes.api.url}${path}`, {
    method: body ? 'POST' : 'GET',
    headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json', ...headers },
    ...(body && { body: JSON.stringify(body) }),
  });
}

/** The content of all files below a folder: Redis' append-only file holds all that was ever written to it. */
function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((file) => join(folder, file))
    .filter((file) => statSync(file).isFile())
    .map((file) => readFileSync(file, 'latin1'));
}

it(
  'what a run carries is in no file of Redis and no log, and is there for who may read it',
  async () => {
    const input = { patient: 'canary-patient', diagnosis: 'canary-diagnosis' };
    const headers = { 'idempotency-key': 'r-1' };
    const accepted = await api('/v1/flows/referral/runs', input, headers);
    expect(accepted.status).toBe(202);
    const { id } = (await accepted.json()) as { id: string };
    const payload = { doctor: 'canary-doctor', agreed: true };
    const signal = { id: 's-1', payload };
    const signalled = await api(`/v1/runs/${id}/signals/reviewed`, signal, { 'idempotency-key': 'sig-1' });
    expect(signalled.status).toBe(202);

    // the same request is the same, and may wait for its end
    const same = await api('/v1/flows/referral/runs', input, { ...headers, prefer: 'wait=30' });
    expect(same.headers.get('idempotent-replayed')).toBe('true');
    const letter = 'canary-patient is referred to a specialist: canary-diagnosis';
    expect(await same.json()).toMatchObject({
      id,
      status: 'completed',
      output: { letter, doctor: 'canary-doctor' },
    });
    const other = await api('/v1/flows/referral/runs', { ...input, patient: 'another' }, headers);
    expect(other.status).toBe(422);

    expect(await (await api(`/v1/runs/${id}/payloads`)).json()).toMatchObject({
      input,
      results: expect.arrayContaining([{ step: 'write', result: letter }]),
      signals: [{ id: 's-1', name: 'reviewed', payload }],
    });
    const made = await api('/v1/keys', { name: 'looks', scopes: ['read'] }, { 'idempotency-key': 'key-1' });
    const { key } = (await made.json()) as { key: string };
    const looking = await api(`/v1/runs/${id}`, undefined, {}, key);
    expect(await looking.json()).toMatchObject({ output: { letter } });
    expect((await api(`/v1/runs/${id}/payloads`, undefined, {}, key)).status).toBe(403);

    const { user, password, url } = processes.dashboard;
    const login = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
    const page = await fetch(`${url}/runs/${id}`, { headers: { authorization: login } });
    expect(page.status).toBe(200);
    expect(await page.text()).toContain('canary-diagnosis');

    // answers that are kept for their Idempotency-Key hold outputs
    const again = await api(`/v1/runs/${id}/rerun`, {}, { 'idempotency-key': 'again-1' });
    expect(again.status).toBe(202);

    const kept = [...filesBelow(join(home, 'redis')), ...filesBelow(join(home, 'logs'))];
    expect(kept.join('')).toContain(id);
    for (const file of kept) expect(file).not.toContain('canary-');
  },
  PATIENCE_MS,
);

it.each(['api', 'worker', 'dashboard'])(
  'the %s refuses to start without a key, in a few lines, and before it touches Redis',
  async (name) => {
    const child = spawn(
      process.execPath,
      [fileURLToPath(new URL(`../apps/${name}/dist/main.js`, import.meta.url))],
      {
        env: {
          PATH: process.env.PATH,
          HOLDFAST_CONFIG: join(EXAMPLE, 'holdfast.config.ts'),
          HOLDFAST_REDIS_URL: 'redis://127.0.0.1:1',
          HOLDFAST_DASHBOARD_PASSWORD: 'a-long-enough-password',
        },
      },
    );
    const [told, [code]] = await Promise.all([text(child.stderr), once(child, 'exit')]);
    expect(code).toBe(1);
    expect(told).toContain('HOLDFAST_ENCRYPTION_KEYS: is missing; expected id:base64');
    expect(told.trim().split('\n').length).toBeLessThanOrEqual(5);
  },
  PATIENCE_MS,
);
