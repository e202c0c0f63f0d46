import type { InputFault } from '@holdfast/engine';
import type { z } from 'zod';

/** What does not fit, and where; a member that nobody knows is a fault at its own place. */
export function faultsIn({ issues }: z.ZodError, what: 'member' | 'parameter' = 'member'): InputFault[] {
  return issues.flatMap((issue) => {
    const at = (path: readonly PropertyKey[]) => path.map(String).join('.');
    if (issue.code !== 'unrecognized_keys') return [{ path: at(issue.path), message: issue.message }];
    return issue.keys.map((key) => ({
      path: at([...issue.path, key]),
      message: `this ${what} is not known`,
    }));
  });
}
