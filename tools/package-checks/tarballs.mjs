// Holds the tarballs of `npm run pack`: what people get has types, a licence, a README and nothing that publint or arethetypeswrong object to.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { publicPackages, ROOT } from './manifests.mjs';

const TARBALLS = join(ROOT, 'dist-packages');
// No `repository`: there is no public place for it yet, and npm links to whatever it is told.
const REQUIRED = ['name', 'version', 'description', 'license', 'type', 'engines', 'files', 'exports'];

const faults = [];
const files = readdirSync(TARBALLS).filter((name) => name.endsWith('.tgz'));
const expected = publicPackages().map(({ manifest }) => manifest);
const version = expected[0].version;
for (const { name } of expected) {
  const file = `${name.replace('@', '').replace('/', '-')}-${version}.tgz`;
  if (!files.includes(file)) faults.push(`${name}: dist-packages/ has no ${file}; run \`npm run pack\``);
}
for (const file of files) await check(file);

if (faults.length > 0) {
  console.error(faults.join('\n'));
  process.exit(1);
}
console.log(`${files.length} tarballs: publint and arethetypeswrong find nothing`);

async function check(file) {
  const data = readFileSync(join(TARBALLS, file));
  const fault = (what) => faults.push(`${file}: ${what}`);

  const contents = createPackageFromTarballData(new Uint8Array(data));
  const inside = (path) => `/node_modules/${contents.packageName}/${path}`;
  const manifest = JSON.parse(contents.readFile(inside('package.json')));
  for (const member of REQUIRED) {
    if (manifest[member] === undefined) fault(`package.json has no \`${member}\``);
  }
  if (manifest.version !== version) fault(`has the version ${manifest.version}, the others have ${version}`);
  for (const name of ['README.md', 'LICENSE']) {
    if (!contents.fileExists(inside(name))) fault(`has no ${name}`);
  }
  for (const [entry, target] of Object.entries(manifest.exports ?? {})) {
    const types = target.types ?? target.default?.replace(/\.js$/, '.d.ts');
    if (!types || !contents.fileExists(inside(types.replace('./', '')))) fault(`\`${entry}\` has no types`);
  }

  const { messages, pkg } = await publint({
    level: 'warning',
    strict: true,
    pack: { tarball: data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength) },
  });
  for (const message of messages) fault(`publint: ${formatMessage(message, pkg, { color: false })}`);

  const { types, problems = [] } = await checkPackage(contents);
  if (!types) fault('has no types');
  for (const problem of problems.filter(counts)) {
    fault(`arethetypeswrong: ${problem.kind} ${problem.entrypoint ?? ''} ${problem.resolutionKind ?? ''}`);
  }
}

/** Node 20.19 and newer can `require` ES modules; the resolution of Node 10 knows no `exports`. */
function counts({ kind, resolutionKind }) {
  return kind !== 'CJSResolvesToESM' && resolutionKind !== 'node10';
}
