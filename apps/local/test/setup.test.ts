import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

interface RedisSetup {
  chooseRedis(given: {
    env: Record<string, string>;
    isRoot: boolean;
    needsServer: boolean;
  }): { kind: 'ready' } | { kind: 'install'; aptGet: string } | { kind: 'none'; message: string };
}
// Plain JavaScript, since it runs before anything is installed.
const { chooseRedis }: RedisSetup = await import(
  pathToFileURL(join(ROOT, 'scripts', 'setup', 'redis.mjs')).href
);

interface ChromiumSetup {
  chooseChromium(given: {
    env: Record<string, string>;
    isRoot: boolean;
  }): { kind: 'ready' } | { kind: 'install'; aptGet: string } | { kind: 'none'; message: string };
}
const { chooseChromium }: ChromiumSetup = await import(
  pathToFileURL(join(ROOT, 'scripts', 'setup', 'chromium.mjs')).href
);

let dir: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'holdfast-setup-'));
  onTestFinished(() => rmSync(dir, { recursive: true }));
});

/** A PATH on which only these commands are; each runs the given shell script. */
function pathWith(commands: Record<string, string>): string {
  const bin = join(dir, 'bin');
  mkdirSync(bin);
  for (const [name, script] of Object.entries(commands)) {
    writeFileSync(join(bin, name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(bin, name), 0o755);
  }
  return bin;
}

describe('a browser for the tests', () => {
  test('is there when one is on PATH or named', () => {
    const PATH = pathWith({ chromium: '' });
    expect(chooseChromium({ env: { PATH }, isRoot: true })).toEqual({ kind: 'ready' });
    expect(chooseChromium({ env: { PATH: '', HOLDFAST_CHROMIUM: '/x' }, isRoot: true })).toEqual({
      kind: 'ready',
    });
  });

  test('is installed with apt-get by root only; else what to do is said', () => {
    const PATH = pathWith({ 'apt-get': '' });
    const aptGet = join(PATH, 'apt-get');
    expect(chooseChromium({ env: { PATH }, isRoot: true })).toEqual({ kind: 'install', aptGet });
    expect(chooseChromium({ env: { PATH }, isRoot: false })).toMatchObject({
      kind: 'none',
      message: expect.stringMatching(/install it, or set HOLDFAST_CHROMIUM/),
    });
  });
});

describe('a Redis', () => {
  const HOLDFAST_REDIS_URL = 'redis://127.0.0.1:6379';

  test.each(['redis-server', 'valkey-server'])('is there when %s is on PATH', (name) => {
    const PATH = pathWith({ [name]: '' });
    expect(chooseRedis({ env: { PATH }, isRoot: false, needsServer: true })).toEqual({ kind: 'ready' });
  });

  test('is there when HOLDFAST_REDIS_URL names one, except for the tests, which start their own', () => {
    const env = { PATH: pathWith({}), HOLDFAST_REDIS_URL };
    expect(chooseRedis({ env, isRoot: false, needsServer: false })).toEqual({ kind: 'ready' });
    expect(chooseRedis({ env, isRoot: false, needsServer: true }).kind).toBe('none');
  });

  test('is installed with apt-get by root only', () => {
    const PATH = pathWith({ 'apt-get': '' });
    const aptGet = join(PATH, 'apt-get');
    expect(chooseRedis({ env: { PATH }, isRoot: true, needsServer: false })).toEqual({
      kind: 'install',
      aptGet,
    });
    expect(chooseRedis({ env: { PATH }, isRoot: false, needsServer: false })).toEqual({
      kind: 'none',
      message: expect.stringMatching(
        /sudo apt-get install redis-server.*HOLDFAST_REDIS_URL.*docker compose up/s,
      ),
    });
  });

  test('cannot be had without apt-get: says the choices in three lines', () => {
    const choice = chooseRedis({ env: { PATH: pathWith({}) }, isRoot: true, needsServer: false });
    const message = choice.kind === 'none' ? choice.message : '';
    expect(message.split('\n')).toHaveLength(3);
    expect(message).toMatch(/brew install redis.*HOLDFAST_REDIS_URL.*docker compose up/s);
  });
});

/** A repository of one workspace with no dependencies, with the real set-up scripts and a `turbo` that notes its calls. */
describe('scripts/setup.mjs', () => {
  let repo: string;

  beforeEach(() => {
    repo = join(dir, 'repo');
    mkdirSync(join(repo, 'packages', 'one', 'src'), { recursive: true });
    mkdirSync(join(repo, 'apps'));
    cpSync(join(ROOT, 'scripts'), join(repo, 'scripts'), { recursive: true });
    const write = (file: string, content: object) => writeFileSync(join(repo, file), JSON.stringify(content));
    write('package.json', { name: 'repo', version: '1.0.0', workspaces: ['packages/*'] });
    // a workspace need not have a version
    write('packages/one/package.json', { name: 'one' });
    write('turbo.json', {});
    write('tsconfig.base.json', {});
    write('package-lock.json', { lockfileVersion: 3, requires: true, packages });
    writeFileSync(join(repo, 'packages', 'one', 'src', 'index.ts'), 'export const one = 1;');
  });

  const link = { resolved: 'packages/one', link: true };
  const packages = {
    '': { name: 'repo', version: '1.0.0', workspaces: ['packages/*'] },
    'packages/one': { name: 'one' },
    'node_modules/one': link,
  };

  /** What `npm ci` leaves, without the second that it takes. */
  function installed() {
    mkdirSync(join(repo, 'node_modules'));
    symlinkSync('../packages/one', join(repo, 'node_modules', 'one'));
    const { '': _root, ...noted } = packages;
    writeFileSync(join(repo, 'node_modules', '.package-lock.json'), JSON.stringify({ packages: noted }));
  }

  function setUp({ PATH = process.env.PATH ?? '', args = [] as string[] } = {}) {
    const env = { ...process.env, PATH, npm_config_offline: 'true' };
    const ran = spawnSync(process.execPath, [join(repo, 'scripts', 'setup.mjs'), ...args], {
      env,
      encoding: 'utf8',
    });
    return { code: ran.status, out: ran.stdout, err: ran.stderr };
  }

  function installTurbo(script: string) {
    mkdirSync(join(repo, 'node_modules', 'turbo', 'bin'), { recursive: true });
    writeFileSync(join(repo, 'node_modules', 'turbo', 'bin', 'turbo'), script);
  }

  const BUILDS = `const { mkdirSync, writeFileSync } = require('node:fs');
    mkdirSync('packages/one/dist', { recursive: true });
    writeFileSync('packages/one/dist/index.js', 'export const one = 1;');`;

  test('installs once, and again when the lock file asks for something else', () => {
    expect(setUp().out).toMatch(/^Installing dependencies…\n/);
    installTurbo(BUILDS);
    expect(setUp()).toEqual({ code: 0, out: 'Building…\n', err: '' });
    expect(setUp()).toEqual({ code: 0, out: '', err: '' });

    mkdirSync(join(repo, 'packages', 'two'));
    writeFileSync(join(repo, 'packages', 'two', 'package.json'), '{ "name": "two", "version": "1.0.0" }');
    execFileSync('npm', ['install', '--package-lock-only', '--offline', '--silent'], { cwd: repo });
    expect(setUp().out).toMatch(/^Installing dependencies…\n/);
  });

  test('builds when a source or a built file changed, and only then', () => {
    installed();
    installTurbo(BUILDS);
    expect(setUp().out).toBe('Building…\n');
    expect(setUp().out).toBe('');

    writeFileSync(join(repo, 'packages', 'one', 'src', 'index.ts'), 'export const one = 2;');
    expect(setUp().out).toBe('Building…\n');
    expect(setUp().out).toBe('');

    rmSync(join(repo, 'packages', 'one', 'dist'), { recursive: true });
    expect(setUp().out).toBe('Building…\n');
    expect(setUp().out).toBe('');
  });

  test('shows what the compiler said when the build fails, and builds again next time', () => {
    installed();
    installTurbo(`console.log('src/index.ts(1,1): error TS1005'); process.exit(2);`);
    for (const _time of ['first', 'second']) {
      expect(setUp()).toEqual({
        code: 1,
        out: 'Building…\n',
        err: expect.stringMatching(/error TS1005\nCould not build: .*exit code 2/),
      });
    }
  });

  test('shows what npm said when the installation fails', () => {
    writeFileSync(
      join(repo, 'package.json'),
      JSON.stringify({ name: 'repo', version: '1.0.0', dependencies: { '@holdfast/nowhere': '1.0.0' } }),
    );
    expect(setUp()).toEqual({
      code: 1,
      out: 'Installing dependencies…\n',
      err: expect.stringMatching(/npm error.*Could not install the dependencies: npm ci failed/s),
    });
  });

  test('installs a Redis by apt-get, saying so; what apt-get said is shown when that fails', () => {
    if (process.getuid?.() !== 0) return;
    installed();
    installTurbo(BUILDS);
    const works = `case "$1" in install) printf '#!/bin/sh\\n' > ${dir}/bin/redis-server; /bin/chmod +x ${dir}/bin/redis-server ;; esac`;
    const PATH = pathWith({ 'apt-get': `echo no route to the mirror; exit 100` });
    expect(setUp({ PATH })).toEqual({
      code: 1,
      out: 'Installing redis-server with apt-get…\n',
      err: expect.stringMatching(/no route to the mirror.*apt-get could not install one \(exit code 100\)/s),
    });
    writeFileSync(join(PATH, 'apt-get'), `#!/bin/sh\n${works}\n`);
    expect(setUp({ PATH })).toEqual({
      code: 0,
      out: 'Installing redis-server with apt-get…\nBuilding…\n',
      err: '',
    });
  });

  test('refuses an old Node, saying which is needed', () => {
    const old = join(dir, 'old.cjs');
    writeFileSync(old, `Object.defineProperty(process.versions, 'node', { value: '18.20.0' });`);
    const ran = spawnSync(process.execPath, ['--require', old, join(repo, 'scripts', 'setup.mjs')], {
      encoding: 'utf8',
    });
    expect(ran.status).toBe(1);
    expect(ran.stderr).toMatch(/needs Node.js 20.19 or newer; this is 18.20.0/);
  });
});

test('package-lock.json names what our own dependencies use on any platform, without which npm ci refuses to work', () => {
  interface Entry {
    dependencies?: Record<string, string>;
    devDependencies?: Record<string, string>;
    optionalDependencies?: Record<string, string>;
  }
  const lock: { packages: Record<string, Entry> } = JSON.parse(
    readFileSync(join(ROOT, 'package-lock.json'), 'utf8'),
  );
  const own = Object.entries(lock.packages).filter(([path]) => !path.includes('node_modules/'));
  const direct = own.flatMap(([, entry]) => Object.keys({ ...entry.dependencies, ...entry.devDependencies }));
  const wanted = direct.flatMap((name) =>
    Object.keys(lock.packages[`node_modules/${name}`]?.optionalDependencies ?? {}),
  );
  expect(wanted).toContain('@biomejs/cli-darwin-arm64');
  expect(wanted.filter((name) => !lock.packages[`node_modules/${name}`])).toEqual([]);
});
