import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { excerpt, runQuietly, SetupError } from './command.mjs';

/** `npm ci`, unless what is installed is what package-lock.json asks for. */
export async function installDependencies(root) {
  if (isInstalled(root)) return;
  console.log('Installing dependencies…');
  const args = ['ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error'];
  const result = await runQuietly('npm', args, { cwd: root });
  if (result.ok) return;
  if (result.output) console.error(excerpt(result.output));
  throw new SetupError(`Could not install the dependencies: npm ci failed (${result.why}).
npm's own words are above.
If the registry could not be reached, check network and proxy, then run the same command again.`);
}

/**
 * Judges an installation by what is there, so one that was interrupted, or made with plain `npm install`, is judged rightly:
 * npm leaves its own note when it has finished, the note fits package-lock.json, and so does each package. Optional packages
 * are for other platforms too and may be absent.
 */
export function isInstalled(root) {
  const wanted = readJson(join(root, 'package-lock.json'))?.packages;
  const noted = readJson(join(root, 'node_modules', '.package-lock.json'))?.packages;
  if (!wanted || !noted) return false;
  return Object.entries(wanted).every(([path, entry]) => {
    if (path === '') return true;
    const note = noted[path];
    if (!note) return entry.optional === true || entry.devOptional === true;
    if (note.version !== entry.version || note.integrity !== entry.integrity) return false;
    const there = readJson(join(root, path, 'package.json'));
    // a workspace need not have a version
    return entry.link ? there !== undefined : there?.version === entry.version;
  });
}

function readJson(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}
