import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import type { Guard } from './guard.ts';

export interface Command {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Both output streams are appended to it. */
  readonly logFile: string;
}

/** A process that was started: in a session of its own, so that a terminal's Ctrl-C does not reach it before its turn. */
export interface RunningProcess {
  readonly pid: number;
  /** How it ended, for people: `exit code 1`, `SIGKILL`. Never rejects. */
  readonly ended: Promise<string>;
  /** SIGTERM, and SIGKILL for it and everything it started when it has not ended in time. */
  stop(graceMs: number): Promise<void>;
}

export type Launch =
  | { readonly ok: true; readonly process: RunningProcess }
  | { readonly ok: false; readonly reason: string };

/** Starts the command; `reason` says why it could not even be started. */
export async function launch(command: Command, guard: Guard): Promise<Launch> {
  const log = openSync(command.logFile, 'a', 0o600);
  let child: ChildProcess;
  try {
    child = spawn(command.command, command.args, {
      env: { ...command.env },
      stdio: ['ignore', log, log],
      detached: true,
    });
  } finally {
    closeSync(log);
  }
  const { pid } = child;
  if (pid === undefined)
    return { ok: false, reason: await new Promise((r) => child.once('error', (e) => r(e.message))) };

  guard.watch(pid);
  const ended = new Promise<string>((resolve) => {
    child.once('exit', (code, signal) => {
      killGroup(pid); // whatever it had started itself
      guard.forget(pid);
      resolve(signal ?? `exit code ${code}`);
    });
  });
  let stopped: Promise<void> | undefined;
  const stop = async (graceMs: number) => {
    child.kill('SIGTERM');
    const timer = setTimeout(() => killGroup(pid), graceMs);
    await ended;
    clearTimeout(timer);
  };
  return {
    ok: true,
    process: {
      pid,
      ended,
      stop: (graceMs) => {
        stopped ??= stop(graceMs); // a second SIGTERM would end a drain
        return stopped;
      },
    },
  };
}

function killGroup(pid: number) {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // nobody is left in it
  }
}
