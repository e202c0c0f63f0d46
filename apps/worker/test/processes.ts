import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

interface LogLine {
  readonly msg?: string;
  readonly url?: string;
  readonly smtpUrl?: string;
}

/** The production workers in processes of their own, ended with the test. Resolves once they take runs. */
export async function startWorkerProcesses(
  count: number,
  env: Readonly<Record<string, string>>,
): Promise<void> {
  const workers = Array.from({ length: count }, () => start('../dist/main.js', env));
  await Promise.all(workers.map((worker) => logged(worker, 'the worker takes runs')));
}

/** The sandbox in a process of its own, ended with the test: what it writes to disk keeps nobody else waiting. */
export async function startSandboxProcess(dataDir: string): Promise<{ url: string; smtpUrl: string }> {
  const sandbox = start('../../sandbox/dist/main.js', {
    HOLDFAST_SANDBOX_PORT: '0',
    HOLDFAST_SMTP_PORT: '0',
    HOLDFAST_SANDBOX_DIR: dataDir,
  });
  const { url = '', smtpUrl = '' } = await logged(sandbox, 'listening');
  return { url, smtpUrl };
}

function start(main: string, env: Readonly<Record<string, string>>): ChildProcess {
  const child = spawn(process.execPath, [fileURLToPath(new URL(main, import.meta.url))], {
    env: { PATH: process.env.PATH, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  });
  return child;
}

async function logged(child: ChildProcess, message: string): Promise<LogLine> {
  if (!child.stdout) throw new Error('its output is not piped');
  const lines: string[] = [];
  const reader = createInterface(child.stdout);
  return new Promise((resolve, reject) => {
    reader.on('line', (text) => {
      lines.push(text);
      const line = text.startsWith('{') ? (JSON.parse(text) as LogLine) : {};
      if (line.msg === message) resolve(line);
    });
    reader.once('close', () => reject(new Error(`it ended before "${message}":\n${lines.join('\n')}`)));
  });
}
