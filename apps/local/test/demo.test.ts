import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { waitFor } from '@holdfast/testkit';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { effectsTable } from '../src/demo/effects-table.ts';
import { Narrator } from '../src/demo/narrator.ts';
import { isAlive } from './is-alive.ts';

const MAIN = fileURLToPath(new URL('../dist/demo/main.js', import.meta.url));

let tmp: string;

beforeEach(() => {
  tmp = mkdtempSync(join(tmpdir(), 'holdfast-demo-test-'));
});
afterEach(() => rmSync(tmp, { recursive: true, force: true }));

function demo(env: Record<string, string> = {}) {
  const child = spawn(process.execPath, [MAIN], {
    env: { ...process.env, TMPDIR: tmp, NO_COLOR: '1', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output: string[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => output.push(String(text)));
  const exited = once(child, 'close').then(([code]) => code as number | null);
  return { said: () => output.join(''), exited, kill: (signal: NodeJS.Signals) => child.kill(signal) };
}

test('the demo tells its whole story, whatever the environment says, and leaves nothing behind', {
  timeout: 60_000,
}, async () => {
  const story = demo({ HOLDFAST_REDIS_URL: 'redis://127.0.0.1:1', HOLDFAST_API_PORT: '1' });
  expect(await story.exited, story.said()).toBe(0);
  const said = story.said();
  expect(said).not.toContain('✗');
  expect(said).toMatch(/fulfilled, sent twice +completed +1 +· +1 +· +1 +· +1$/m);
  expect(said).toMatch(/card declined +failed +· +· +· +· +· +· +·$/m);
  expect(said).toMatch(/out of stock +failed +1 +1 +· +· +· +· +·$/m);
  expect(said).toMatch(/workers killed +completed +1 +· +1 +· +1 +· +1$/m);
  expect(said).toMatch(/dead, redriven +completed +1 +· +1 +· +1 +· +1$/m);
  expect(said).toMatch(/All \d+ claims held, in \d+ s\. Try it yourself: npm start\n$/);
  expect(readdirSync(tmp)).toEqual([]);
});

test('Ctrl-C in the middle ends every process and forgets the data', { timeout: 30_000 }, async () => {
  const story = demo();
  const home = await waitFor(() => readdirSync(tmp)[0], { what: 'its home' });
  const processes = await waitFor(() => readFileSync(join(tmp, home, 'processes.json'), 'utf8'), {
    what: 'processes.json',
  });
  const pids = [...processes.matchAll(/"pid": (\d+)/g)].map((match) => Number(match[1]));
  expect(pids).toHaveLength(6);
  story.kill('SIGINT');
  expect(await story.exited).toBe(130);
  expect(pids.filter(isAlive)).toEqual([]);
  expect(readdirSync(tmp)).toEqual([]);
});

test('a claim that does not hold is shown with what was seen, and counted', () => {
  const lines: unknown[] = [];
  const log = vi.spyOn(console, 'log').mockImplementation((line) => void lines.push(line));
  const narrator = new Narrator();
  narrator.claim('one charge', false, { charge: 2 });
  narrator.claim('one label', true, { label: 1 });
  narrator.broke(new Error('waited 20 s in vain'));
  log.mockRestore();
  expect(lines.join('\n')).toMatch(
    /✗ one charge\n.*seen: {"charge":2}.*\n.*✓ one label\n.*✗ waited 20 s in vain/,
  );
  expect([narrator.claims, narrator.broken]).toEqual([3, 2]);
});

test('the table marks each number and status that should be another', () => {
  const effects = { charge: 1, refund: 0, reserve: 1, release: 0, label: 1, void: 0, send: 1 };
  const row = { order: 'one', runId: 'run_1', status: 'completed', expected: effects };
  const table = effectsTable([{ ...row, seenStatus: 'dead', seen: { ...effects, charge: 2, label: 0 } }]);
  expect(table).toMatch(/one +dead✗ +2✗ +· +1 +· +·✗ +· +1$/);
});
