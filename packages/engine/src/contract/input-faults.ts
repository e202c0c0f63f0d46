import type { z } from 'zod';

export interface InputFault {
  /** Where, as in `items.0.quantity`; empty for the whole input. */
  readonly path: string;
  readonly message: string;
}

/** What does not fit, and where; a member that nobody knows is a fault at its own place. */
export function faultsOf(issue: z.core.$ZodIssue, within: readonly string[] = []): InputFault[] {
  const at = (path: readonly PropertyKey[]) => [...within, ...path].map(String).join('.');
  if (issue.code !== 'unrecognized_keys') return [{ path: at(issue.path), message: issue.message }];
  return issue.keys.map((key) => ({ path: at([...issue.path, key]), message: 'this member is not known' }));
}
