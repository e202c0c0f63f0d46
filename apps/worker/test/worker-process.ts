import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url));

/** The production worker in processes of their own, ended with the test. Resolves once they take runs. */
export async function startWorkerProcesses(
  count: number,
  env: Readonly<Record<string, string>>,
): Promise<void> {
  const children = Array.from({ length: count }, () =>
    spawn(process.execPath, [MAIN], {
      env: { PATH: process.env.PATH, HOLDFAST_DURABILITY: 'strict', ...env },
      stdio: ['ignore', 'pipe', 'inherit'],
    }),
  );
  onTestFinished(async () => {
    await Promise.all(children.map(stop));
  });
  await Promise.all(children.map(takesRuns));
}

async function takesRuns(child: ChildProcess): Promise<void> {
  let log = '';
  for await (const chunk of child.stdout ?? []) {
    log += chunk;
    if (!log.includes('the worker takes runs')) continue;
    child.stdout?.resume();
    return;
  }
  throw new Error(`the worker ended before it took runs:\n${log}`);
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}
