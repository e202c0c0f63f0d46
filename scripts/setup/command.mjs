import { spawn } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** What could not be prepared. The message has at most three lines: what failed, why, what to do. */
export class SetupError extends Error {
  code = 'setup_failed';
}

/**
 * Runs a command to its end without showing what it prints.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd?: string, env?: Record<string, string | undefined> }} [options] `env` is added to the environment
 * @returns {Promise<{ ok: true } | { ok: false, why: string, output: string }>} `output` is what it printed, both streams as they came
 */
export function runQuietly(command, args, { cwd, env } = {}) {
  return new Promise((resolve) => {
    const output = [];
    const child = spawn(command, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child.stdout.on('data', (chunk) => output.push(chunk));
    child.stderr.on('data', (chunk) => output.push(chunk));
    const fail = (why) => resolve({ ok: false, why, output: Buffer.concat(output).toString().trim() });
    child.on('error', (error) => fail(error.message));
    child.on('close', (code, signal) => {
      if (code === 0) resolve({ ok: true });
      else fail(signal ? `was ended by ${signal}` : `exit code ${code}`);
    });
  });
}

/** The first of the named commands that is on PATH, as a full path. */
export function findOnPath(names, path = process.env.PATH ?? '') {
  for (const name of names) {
    for (const dir of path.split(delimiter)) {
      const file = join(dir, name);
      if (dir !== '' && isExecutable(file)) return file;
    }
  }
  return undefined;
}

function isExecutable(file) {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}

/** A command's output for people: npm and compilers say the reason first, apt-get last. */
export function excerpt(output, lines = 24) {
  const all = output.split('\n');
  if (all.length <= lines) return output;
  return [...all.slice(0, lines / 2), '  …', ...all.slice(-lines / 2)].join('\n');
}
