import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';

/**
 * A copy of the repository's work tree to plant bugs in, so that they never stand in the work tree itself. What is installed is
 * shared by links; our own packages are the copy's.
 * @returns its folder
 */
export function makeScratch(root: string): string {
  const scratch = mkdtempSync(join(tmpdir(), 'holdfast-mutants-'));
  for (const file of sourceFiles(root)) {
    mkdirSync(dirname(join(scratch, file)), { recursive: true });
    copyFileSync(join(root, file), join(scratch, file));
  }
  linkInstalled(root, scratch);
  return scratch;
}

export function removeScratch(scratch: string): void {
  rmSync(scratch, { recursive: true, force: true });
}

/** What is in the repository or could be: nothing that is built or installed. */
function sourceFiles(root: string): string[] {
  const list = ['ls-files', '--cached', '--others', '--exclude-standard', '-z'];
  const listed = execFileSync('git', list, { cwd: root, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
  return [...new Set(listed.split('\0'))].filter((file) => file !== '' && existsSync(join(root, file)));
}

function linkInstalled(root: string, scratch: string): void {
  const from = join(root, 'node_modules');
  const to = join(scratch, 'node_modules');
  mkdirSync(join(to, '@holdfast'), { recursive: true });
  for (const name of readdirSync(from)) {
    if (name !== '@holdfast' && name !== '.cache') symlinkSync(join(from, name), join(to, name));
  }
  for (const parent of ['packages', 'apps']) {
    for (const name of readdirSync(join(scratch, parent))) {
      const link = join(to, '@holdfast', name);
      symlinkSync(relative(dirname(link), join(scratch, parent, name)), link);
    }
  }
}
