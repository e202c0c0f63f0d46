import type { Run } from '@holdfast/engine';

/**
 * Tells this standing of a run from each other one: the revision grows with every change, and a run that has the id of one that is gone
 * was made at another time.
 */
export function editionOf({ createdAt, revision }: Pick<Run, 'createdAt' | 'revision'>): string {
  return `${createdAt.toString(36)}-${revision}`;
}
