// The public packages of this repository.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** Folder and manifest of every package that is not private. */
export function publicPackages() {
  return ['packages', 'apps']
    .flatMap((parent) => readdirSync(join(ROOT, parent)).map((name) => join(ROOT, parent, name)))
    .filter((folder) => existsSync(join(folder, 'package.json')))
    .map((folder) => ({
      folder,
      manifest: JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')),
    }))
    .filter(({ manifest }) => manifest.private !== true);
}

/** The packages that people name themselves: `holdfast`, and what does not come along with it. */
export function namedByPeople() {
  const packages = publicPackages();
  const byName = new Map(packages.map((each) => [each.manifest.name, each]));
  const along = new Set();
  const follow = (name) => {
    for (const dependency of Object.keys(byName.get(name).manifest.dependencies ?? {})) {
      if (!byName.has(dependency) || along.has(dependency)) continue;
      along.add(dependency);
      follow(dependency);
    }
  };
  follow('holdfast');
  return packages.filter(({ manifest }) => !along.has(manifest.name));
}
