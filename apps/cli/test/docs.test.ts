import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readApiConfig } from '@holdfast/api';
import { readConfig } from '@holdfast/app-kit';
import { readDashboardConfig } from '@holdfast/dashboard';
import { providersEnv } from '@holdfast/sandbox';
import { providersConfig, providerVariables } from '@holdfast/shop';
import { readWorkerConfig } from '@holdfast/worker';
import { describe, expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const read = (file: string) => readFileSync(join(ROOT, file), 'utf8');

/** The code of everything that runs: applications and packages, without the kit for tests. */
function sources(): string[] {
  return ['apps', 'packages'].flatMap((parent) =>
    readdirSync(join(ROOT, parent))
      .filter((name) => name !== 'testkit')
      .map((name) => join(parent, name, 'src'))
      .filter((dir) => existsSync(join(ROOT, dir)))
      .flatMap(filesIn),
  );
}

function filesIn(dir: string): string[] {
  return readdirSync(join(ROOT, dir), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => join(dir, file));
}

describe('docs/configuration.md', () => {
  const rows = [...read('docs/configuration.md').matchAll(/^\| `(HOLDFAST_\w+)` \| (?:`(.*?)`|–) \|/gm)];
  const documented = rows.map(([, name = '']) => name);

  test('has every variable that is read, once, and no other', () => {
    const names = sources().flatMap(
      (file) => read(file).match(/\bHOLDFAST_[A-Z]+(?:_[A-Z]+)*\b(?!_)/g) ?? [],
    );
    expect(documented.toSorted()).toEqual([...new Set(names)].toSorted());
  });

  const NOWHERE = { url: 'http://127.0.0.1:1', smtpUrl: 'smtp://127.0.0.1:1' };
  const REDIS = { HOLDFAST_REDIS_URL: 'redis://127.0.0.1:6379' };
  /** The worker's, and what its providers read. */
  const readWorkersOwn = (env: Readonly<Record<string, string | undefined>>) => ({
    worker: readWorkerConfig([], env),
    providers: providersConfig(readConfig(providerVariables, env)),
  });
  test.each([
    ['API', readApiConfig, REDIS],
    ['worker', readWorkersOwn, { ...REDIS, ...providersEnv(NOWHERE) }],
    ['dashboard', readDashboardConfig, { ...REDIS, HOLDFAST_DASHBOARD_PASSWORD: 'correct horse battery' }],
  ])('has the defaults that the %s has', (_what, read, required) => {
    const defaults = Object.fromEntries(rows.flatMap(([, name, value]) => (value ? [[name, value]] : [])));
    expect(read({ ...defaults, ...required })).toEqual(read(required));
  });
});

test('docs/operating.md has every key that has no time to live', () => {
  const code = ['packages/engine/src/journal/keys.ts', 'packages/operations/src/keys.ts']
    .map(read)
    .join('\n');
  const keys = [...code.matchAll(/No TTL\. \*\/\s+\w+: (?:\([^)]*\) => )?`\$\{tag\}\/([a-z-]+)/g)];
  expect(keys.length).toBeGreaterThanOrEqual(10);
  const operating = read('docs/operating.md');
  for (const [, name] of keys) expect(operating).toContain(`\`{hf0}/${name}`);
});
