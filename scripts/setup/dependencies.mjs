import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runQuietly, SetupError, tail } from './command.mjs';

/** `npm ci`, unless what is installed is what package-lock.json asks for. */
export async function installDependencies(root) {
  if (isInstalled(root)) return;
  console.log('Installing dependencies…');
  const args = ['ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error'];
  const result = await runQuietly('npm', args, { cwd: root });
  if (result.ok) return;
  if (result.output) console.error(tail(result.output, 20));
  throw new SetupError(`Could not install the dependencies: npm ci failed (${result.why}).
npm's own words are above; most often the registry could not be reached.
Check the network or proxy, then run the same command again.`);
}

/**
 * Compares package-lock.json with the note that npm leaves when it has finished installing, so an installation that was
 * interrupted, or made with plain `npm install`, is judged by what is there. Optional packages are for other platforms too
 * and may be absent.
 */
export function isInstalled(root) {
  const wanted = readPackages(join(root, 'package-lock.json'));
  const present = readPackages(join(root, 'node_modules', '.package-lock.json'));
  if (!wanted || !present) return false;
  return Object.entries(wanted).every(([path, entry]) => {
    if (path === '') return true;
    const found = present[path];
    if (!found) return entry.optional === true || entry.devOptional === true;
    return found.version === entry.version && found.integrity === entry.integrity;
  });
}

function readPackages(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8')).packages;
  } catch {
    return undefined;
  }
}
