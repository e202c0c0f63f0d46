// `npm run test:unit`: the test files that start neither a Redis nor a process, for quick answers without either.
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../', import.meta.url));
const STARTS_SOMETHING = /testkit|ioredis|bullmq|child_process|playwright|redis-server/;

const tests = execFileSync('git', ['ls-files', '*.test.ts'], { cwd: ROOT, encoding: 'utf8' })
  .split('\n')
  .filter((file) => file && !file.includes('/exhaustive/') && !startsSomething(join(ROOT, file)));
console.log(`${tests.length} test files need no Redis`);
const { status } = spawnSync('npx', ['vitest', 'run', ...tests], { cwd: ROOT, stdio: 'inherit' });
process.exit(status ?? 1);

/** Also by a helper of the test's that it imports. */
function startsSomething(file, seen = new Set()) {
  if (seen.has(file)) return false;
  seen.add(file);
  const text = read(file);
  if (STARTS_SOMETHING.test(text)) return true;
  return [...text.matchAll(/from '(\.[^']+\.(?:ts|mjs))'/g)]
    .map(([, path]) => join(dirname(file), path))
    .filter((path) => path.includes('/test/'))
    .some((path) => startsSomething(path, seen));
}

function read(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
