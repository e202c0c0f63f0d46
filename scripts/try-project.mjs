// Tries a project of one's own as a newcomer would: from an empty folder, with the tarballs of `npm run pack` and the registry.
// Ends by itself, with exit code 1 where something does not hold.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const parent = mkdtempSync(join(tmpdir(), 'holdfast-project-'));
const folder = join(parent, 'shop');
const foreign = Object.entries(process.env).filter(([name]) => !name.startsWith('HOLDFAST_'));
const env = {
  ...Object.fromEntries(foreign),
  ...{ HOLDFAST_REDIS_PORT: '0', HOLDFAST_API_PORT: '0', HOLDFAST_DASHBOARD_PORT: '0', NO_COLOR: '1' },
};

const startedAt = performance.now();
const told = (what) =>
  console.log(`${((performance.now() - startedAt) / 1000).toFixed(1).padStart(6)} s  ${what}`);
let dev;
try {
  await tell();
} finally {
  if (dev && dev.child.exitCode === null) {
    dev.child.kill('SIGTERM');
    await dev.ended;
  }
  rmSync(parent, { recursive: true, force: true });
}

async function tell() {
  run(
    process.execPath,
    [
      join(ROOT, 'packages/create-holdfast/bin/create-holdfast.mjs'),
      'shop',
      '--from',
      join(ROOT, 'dist-packages'),
    ],
    parent,
  );
  told('create-holdfast made the project');
  run('npm', ['test'], folder);
  told('its test passes: the flow was crashed everywhere');
  assert.match(run('npx', ['holdfast', 'init'], folder), /left {3}flows\/hello\.ts/);

  dev = startDev();
  await until(() => dev.output().includes('Holdfast is ready'), 'dev to be ready');
  told('dev is ready');
  const { api, apiKey, sandbox } = JSON.parse(readFileSync(join(folder, '.holdfast/processes.json'), 'utf8'));
  assert.equal(sandbox, undefined, 'the sandbox is not part of a system that does not use it');
  let submitted = 0;
  const greeting = async () => {
    submitted += 1;
    const response = await fetch(`${api.url}/v1/flows/hello/runs`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${apiKey}`,
        'content-type': 'application/json',
        'idempotency-key': `hello-${submitted}`,
        prefer: 'wait=20',
      },
      body: '{"name":"Ada"}',
    });
    assert.equal(response.status, 200);
    return (await response.json()).output.greeting;
  };
  assert.equal(await greeting(), 'Hello, Ada!');
  told('the first run is done');

  const flow = join(folder, 'flows/hello.ts');
  const good = readFileSync(flow, 'utf8');
  const saves = { at: 0 };
  const save = (text) => {
    saves.at = performance.now();
    writeFileSync(flow, text);
  };
  save(good.replace('Hello, $', 'Servus, $'));
  await until(async () => (await greeting()) === 'Servus, Ada!', 'new runs to use the save');
  told(
    `a save was used by new runs after ${((performance.now() - saves.at) / 1000).toFixed(1)} s, and none was refused meanwhile`,
  );

  save(`${good}\nconst broken = ;\n`);
  await until(() => /^flows\/hello\.ts:\d+: /m.test(dev.output()), 'the fault to be told');
  assert.equal(await greeting(), 'Servus, Ada!');
  told('a save that does not load is told in one message and changes nothing');

  save(good);
  await until(async () => (await greeting()) === 'Hello, Ada!', 'the repaired code to be used');
  told('the next good save is followed again');

  writeFileSync(join(folder, 'broken.config.ts'), 'export default { flows: [] };\n');
  const refused = spawnSync('npx', ['holdfast', 'worker'], {
    ...{ cwd: folder, encoding: 'utf8' },
    env: { ...env, HOLDFAST_CONFIG: 'broken.config.ts' },
  });
  assert.equal(refused.status, 1);
  assert.match(refused.stderr, /^broken\.config\.ts: `flows` must name at least one flow/);
  told('a config that cannot be used is refused by file and reason');

  writeFileSync(
    join(folder, 'embedded.cjs'),
    `const { createRequestHandler, defineConfig, defineFlow, startWorker } = require('holdfast');
const { crashEverywhere } = require('holdfast/testing');
for (const each of [createRequestHandler, defineConfig, defineFlow, startWorker, crashEverywhere])
  if (typeof each !== 'function') process.exit(1);
`,
  );
  run(process.execPath, ['--disable-warning=ExperimentalWarning', 'embedded.cjs'], folder);
  told('a CommonJS file loads it');

  dev.child.kill('SIGTERM');
  assert.equal(await dev.ended, 0);
  told('dev stopped everything it had started');
}

function startDev() {
  const child = spawn(join(folder, 'node_modules/.bin/holdfast'), ['dev'], { cwd: folder, env });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
  const ended = new Promise((resolve) => child.once('exit', (code) => resolve(code)));
  return { child, ended, output: () => output };
}

function run(command, args, cwd) {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, env, encoding: 'utf8' });
  assert.equal(status, 0, `${command} ${args.join(' ')}\n${stdout}\n${stderr}`);
  return stdout;
}

async function until(holds, what) {
  const end = performance.now() + 30_000;
  while (!(await holds())) {
    assert.ok(performance.now() < end, `waited 30 s for ${what}\n${dev.output()}`);
    await delay(50);
  }
}
