// `npm run pack`: writes the tarball of every public package into dist-packages/.
import { execFileSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const OUT = join(ROOT, 'dist-packages');

rmSync(OUT, { recursive: true, force: true });
mkdirSync(OUT);
const staging = mkdtempSync(join(tmpdir(), 'holdfast-pack-'));
try {
  const folders = ['packages', 'apps'].flatMap((parent) => foldersIn(join(ROOT, parent)));
  for (const folder of folders) pack(folder);
  console.log(`${folders.length} packages are in dist-packages/`);
} finally {
  rmSync(staging, { recursive: true, force: true });
}

function pack(folder) {
  const manifest = manifestOf(folder);
  const stage = join(staging, basename(folder));
  mkdirSync(stage);
  for (const name of manifest.files) {
    cpSync(join(folder, name), join(stage, name), {
      recursive: true,
      filter: (path) => !path.endsWith('.tsbuildinfo'),
    });
  }
  // scripts and what only building needs are of no use to those who install it
  const { scripts: _scripts, devDependencies: _dev, ...published } = manifest;
  writeFileSync(join(stage, 'package.json'), `${JSON.stringify(published, null, 2)}\n`);
  cpSync(join(ROOT, 'LICENSE'), join(stage, 'LICENSE'));
  const own = join(folder, 'README.md');
  const readme = existsSync(own)
    ? readFileSync(own, 'utf8')
    : `# ${manifest.name}\n\n${manifest.description}\n`;
  writeFileSync(join(stage, 'README.md'), readme);
  execFileSync('npm', ['pack', '--silent', '--pack-destination', OUT], {
    cwd: stage,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}

function foldersIn(parent) {
  return readdirSync(parent)
    .map((name) => join(parent, name))
    .filter((folder) => existsSync(join(folder, 'package.json')) && manifestOf(folder).private !== true);
}

function manifestOf(folder) {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
}
