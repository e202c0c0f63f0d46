import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, test } from 'vitest';
import { PlantingError, plant } from '../src/mutant.ts';
import { MUTANTS } from '../src/mutants.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const read = (file: string) => readFileSync(join(ROOT, file), 'utf8');

describe.each(MUTANTS.map((mutant) => [mutant.name, mutant] as const))('%s', (_name, mutant) => {
  it('can be planted, and changes something', () => {
    const source = read(mutant.file);
    expect(plant(mutant, source)).not.toBe(source);
  });

  it('names tests that are there', () => {
    for (const file of mutant.tests.files) {
      expect(existsSync(join(ROOT, file)), file).toBe(true);
      // the tests of a table get their names from the table
      const name = mutant.tests.named?.replace(/^killed at (\w+), (\w+)$/, 'killed at %s, %s');
      if (name !== undefined) expect(read(file)).toContain(name);
    }
  });
});

test('each has a name of its own', () => {
  expect(new Set(MUTANTS.map(({ name }) => name)).size).toBe(MUTANTS.length);
});

test('a place that is not found, or not unique, is an error that says so', () => {
  const mutant = { name: 'm', file: 'f.ts', find: 'a', replace: 'b', tests: { files: [] } };
  expect(plant(mutant, 'xay')).toBe('xby');
  expect(() => plant(mutant, 'xyz')).toThrow(PlantingError);
  expect(() => plant(mutant, 'aa')).toThrow(/stands 2 times in f\.ts/);
});

test('lists what it would plant; says what it does not know', () => {
  const run = (...args: string[]) =>
    spawnSync(process.execPath, [join(ROOT, 'mutants/dist/main.js'), ...args], { encoding: 'utf8' });
  expect(run('--list', '--only', 'Retry-After').stdout).toMatch(
    /^Retry-After is ignored .*\nRetry-After is cut/,
  );
  expect(run('--only', 'nothing of that kind')).toMatchObject({ status: 2, stdout: '' });
  expect(run('--lst')).toMatchObject({
    status: 2,
    stderr: expect.stringContaining("Unknown option '--lst'"),
  });
});
