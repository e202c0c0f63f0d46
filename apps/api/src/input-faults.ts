import type { InputFault } from '@holdfast/engine';
import type { z } from 'zod';

/** So many are told; a body can hold more than anybody would read. */
export const MAX_FAULTS = 50;

/** What does not fit, and where; a member that nobody knows is a fault at its own place. */
export function faultsIn({ issues }: z.ZodError, what: 'member' | 'parameter' = 'member'): InputFault[] {
  const faults = issues.slice(0, MAX_FAULTS).flatMap((issue) => {
    const at = (path: readonly PropertyKey[]) => path.map(String).join('.');
    if (issue.code !== 'unrecognized_keys') return [{ path: at(issue.path), message: issue.message }];
    return issue.keys.slice(0, MAX_FAULTS).map((key) => ({
      path: at([...issue.path, key]),
      message: `this ${what} is not known`,
    }));
  });
  return faults.slice(0, MAX_FAULTS);
}
