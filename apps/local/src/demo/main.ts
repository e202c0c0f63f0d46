#!/usr/bin/env node
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runMain } from '@holdfast/app-kit';
import { type Environment, readSettings } from '../settings.ts';
import { explainStartError } from '../start-failure.ts';
import { stopSignal } from '../stop-signal.ts';
import { type System, startSystem } from '../system.ts';
import { colors, outliveClosedOutput } from '../terminal.ts';
import { Api } from './api.ts';
import { effectsTable, type Told } from './effects-table.ts';
import { Narrator } from './narrator.ts';
import { Sandbox } from './sandbox.ts';
import { sameEffects, tellStory } from './story.ts';

runMain(async () => {
  outliveClosedOutput();
  const signal = stopSignal();
  const startedAt = performance.now();
  const home = mkdtempSync(join(tmpdir(), 'holdfast-demo-'));
  const narrator = new Narrator();
  let system: System | undefined;
  try {
    system = await startOwnSystem(home, signal);
    const told = await tellStory({ processes: system.processes, narrator, signal });
    await showEffects(told, { system, narrator, signal });
  } catch (error) {
    if (!signal.aborted) throw explainStartError(error);
  } finally {
    await system?.stop();
    rmSync(home, { recursive: true, force: true });
  }
  if (signal.aborted) process.exit(130);
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(0);
  if (narrator.broken > 0) {
    console.log(colors.red(`\n${narrator.broken} of ${narrator.claims} claims did not hold.`));
    process.exit(1);
  }
  console.log(`\nAll ${narrator.claims} claims held, in ${seconds} s. Try it yourself: npm start`);
  process.exit(0);
});

/** Nothing of the user's system is touched: a home and ports of its own, and no Redis or provider from the environment. */
function startOwnSystem(home: string, signal: AbortSignal): Promise<System> {
  const own: Environment = {
    HOLDFAST_HOME: home,
    HOLDFAST_REDIS_PORT: '0',
    HOLDFAST_API_PORT: '0',
    HOLDFAST_DASHBOARD_PORT: '0',
    HOLDFAST_SANDBOX_PORT: '0',
    HOLDFAST_SMTP_PORT: '0',
    HOLDFAST_RETRY_SCALE: '0.1', // so that shipping is given up in seconds, not minutes
  };
  const foreign = Object.entries(process.env).filter(([name]) => !name.startsWith('HOLDFAST_'));
  console.log('Starting Redis, the sandbox providers, the API, two workers and the dashboard…');
  return startSystem(readSettings({ ...Object.fromEntries(foreign), ...own }, { workers: 2 }), {
    reset: false,
    onEvent: () => {}, // the story tells of the deaths that matter
    signal,
  });
}

async function showEffects(
  told: readonly Told[],
  { system, narrator, signal }: { system: System; narrator: Narrator; signal: AbortSignal },
): Promise<void> {
  const api = new Api(system.processes(), signal);
  const sandbox = new Sandbox(system.processes(), signal);
  narrator.chapter("What really happened, from the providers' ledger");
  const rows = [];
  for (const order of told) {
    const { status: seenStatus } = await api.run(order.runId);
    rows.push({ ...order, seenStatus, seen: await sandbox.effectsOf(order.runId) });
  }
  console.log(effectsTable(rows));
  const wrong = rows.filter((row) => row.seenStatus !== row.status || !sameEffects(row.seen, row.expected));
  narrator.claim(
    'every order ended as it should, with each effect as often as it should',
    wrong.length === 0,
    wrong.map(({ order, runId, seenStatus, seen }) => ({ order, runId, status: seenStatus, ...seen })),
  );
}
