import { renameSync, writeFileSync } from 'node:fs';

/** Readers see the old content or the new, never a part; nobody but the owner may read it. */
export function writeFileAtomically(file: string, content: string): void {
  const draft = `${file}.${process.pid}.tmp`;
  writeFileSync(draft, content, { mode: 0o600 });
  renameSync(draft, file);
}
