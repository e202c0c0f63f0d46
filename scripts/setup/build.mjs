import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { excerpt, runQuietly, SetupError } from './command.mjs';

/** Everything outside the workspaces that changes what a build yields. */
const SHARED_INPUTS = ['package.json', 'package-lock.json', 'turbo.json', 'tsconfig.base.json'];

/** `turbo run build`, unless neither a source nor a built file changed since the last one. */
export async function build(root) {
  const stampFile = join(root, 'node_modules', '.cache', 'holdfast', 'build');
  if (readIfThere(stampFile) === fingerprint(root)) return;
  console.log('Building…');
  const turbo = join(root, 'node_modules', 'turbo', 'bin', 'turbo');
  const args = [turbo, 'run', 'build', '--output-logs=errors-only', '--ui=stream', '--no-update-notifier'];
  const env = { TURBO_TELEMETRY_DISABLED: '1', DO_NOT_TRACK: '1', NO_COLOR: '1', FORCE_COLOR: undefined };
  // Sources that are saved while the build runs must not count as built.
  const sources = sourcesFingerprint(root);
  const result = await runQuietly(process.execPath, args, { cwd: root, env });
  if (!result.ok) {
    if (result.output) console.error(excerpt(result.output));
    throw new SetupError(`Could not build: turbo run build failed (${result.why}).
The compiler output is above. Fix the source and run the same command again.`);
  }
  mkdirSync(dirname(stampFile), { recursive: true });
  writeFileSync(stampFile, `${sources}\n${outputsFingerprint(root)}`);
}

function fingerprint(root) {
  return `${sourcesFingerprint(root)}\n${outputsFingerprint(root)}`;
}

/** Sources by their content: a checkout changes times and nothing else. */
function sourcesFingerprint(root) {
  const hash = createHash('sha256');
  const add = (file) =>
    hash
      .update(`${file}\0`)
      .update(readFileSync(join(root, file)))
      .update('\0');
  for (const file of SHARED_INPUTS) add(file);
  for (const workspace of workspaces(root)) {
    for (const file of ['package.json', 'tsconfig.json']) {
      if (existsSync(join(root, workspace, file))) add(join(workspace, file));
    }
    for (const file of filesUnder(root, join(workspace, 'src'))) add(file);
  }
  return hash.digest('hex');
}

/** Built files by size and time: enough to notice one that is missing or was made by somebody else. */
function outputsFingerprint(root) {
  const hash = createHash('sha256');
  for (const workspace of workspaces(root)) {
    for (const file of filesUnder(root, join(workspace, 'dist'))) {
      const { size, mtimeMs } = statSync(join(root, file));
      hash.update(`${file}\0${size}\0${mtimeMs}\0`);
    }
  }
  return hash.digest('hex');
}

/** The folders that package.json names; `packages/*` stands for each folder in `packages`. */
function workspaces(root) {
  const { workspaces: patterns = [] } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  return patterns.flatMap((pattern) =>
    pattern.endsWith('/*') ? foldersIn(root, pattern.slice(0, -2)) : [pattern],
  );
}

function foldersIn(root, parent) {
  return readdirSync(join(root, parent), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => join(parent, entry.name))
    .sort();
}

function filesUnder(root, dir) {
  if (!existsSync(join(root, dir))) return [];
  return readdirSync(join(root, dir), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name).slice(root.length + 1))
    .sort();
}

function readIfThere(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
