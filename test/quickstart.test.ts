import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { waitFor } from '@holdfast/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../', import.meta.url));
const page = readFileSync(join(root, 'docs/quickstart.md'), 'utf8');
const blocks = [...page.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, code = '']) => code);
const order = blocks.find((block) => block.startsWith('curl -i')) ?? '';

const home = mkdtempSync(join(tmpdir(), 'holdfast-quickstart-'));
let started: ChildProcess;
let env: NodeJS.ProcessEnv;

beforeAll(async () => {
  const ports = ['REDIS', 'API', 'DASHBOARD', 'SANDBOX', 'SMTP'].map((name) => [
    `HOLDFAST_${name}_PORT`,
    '0',
  ]);
  started = spawn(process.execPath, ['apps/local/dist/main.js'], {
    cwd: root,
    env: { ...process.env, ...Object.fromEntries(ports), HOLDFAST_HOME: home },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  started.stdout?.on('data', (text) => {
    said += text;
  });
  await waitFor(() => said.includes('Holdfast is ready'), {
    what: 'Holdfast to be ready',
    timeoutMs: 40_000,
  });
  const { api, apiKey } = JSON.parse(readFileSync(join(home, 'processes.json'), 'utf8'));
  env = { ...process.env, HOLDFAST_API_URL: api.url, HOLDFAST_API_KEY: apiKey };
}, 60_000);

afterAll(async () => {
  if (started.exitCode === null) {
    started.kill('SIGTERM');
    await once(started, 'exit');
  }
  rmSync(home, { recursive: true, force: true });
}, 40_000);

async function sh(command: string): Promise<string> {
  return (await promisify(execFile)('bash', ['-c', command], { env, cwd: root })).stdout;
}

/** What the row of the table says is changed, in the command of the page. */
function changed(change: string): string {
  const member = /^`("(\w+)":"[^"]+")`$/.exec(change);
  if (!member) return order;
  const [, text = '', name] = member;
  return order.replace(new RegExp(`"${name}":"[^"]+"`), text);
}

describe('the quickstart', () => {
  const rows = [...page.matchAll(/^\| (nothing|`"\w+":"[^"]+"`) \| `(\w+)`(?: with `(\w+)`)?/gm)].map(
    ([, change = '', status = '', code]) => ({ change, status, code }),
  );

  it('has a row for each way', () =>
    expect(rows.map(({ code }) => code)).toEqual([
      undefined,
      'card_declined',
      'out_of_stock',
      'invalid_address',
    ]));

  it.each(rows)('with $change changed the order ends as $status $code', async ({ change, status, code }) => {
    const reply = await sh(changed(change).replaceAll('order-1', `order-${code ?? 'fulfilled'}`));
    expect(reply).toContain('HTTP/1.1 200');
    const run = JSON.parse(reply.slice(reply.indexOf('{"')));
    expect({ status: run.status, code: run.error?.code }).toEqual({ status, code });
  });

  it('finds no dead letters with its command', async () => {
    const [list = ''] = (blocks.at(-1) ?? '').split('\n');
    expect(list).toBe('npx holdfast dead-letters list');
    expect(await sh(list)).toContain('No dead letters');
  });
});
