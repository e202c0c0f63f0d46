import type { z } from 'zod';

export interface InputFault {
  /** Where, as in `items.0.quantity`; empty for the whole input. */
  readonly path: string;
  readonly message: string;
}

/** So many are told: an input can hold more than anybody would read. */
const MAX_FAULTS = 50;

/** What does not fit, and where; a member that nobody knows is a fault at its own place. At most 50. */
export function faultsOf(error: z.core.$ZodError, within: readonly string[] = []): InputFault[] {
  const at = (path: readonly PropertyKey[]) => [...within, ...path].map(String).join('.');
  const faults: InputFault[] = [];
  for (const issue of error.issues) {
    const paths =
      issue.code === 'unrecognized_keys'
        ? issue.keys.slice(0, MAX_FAULTS).map((key) => [...issue.path, key])
        : [issue.path];
    const message = issue.code === 'unrecognized_keys' ? 'this member is not known' : issue.message;
    faults.push(...paths.map((path) => ({ path: at(path), message })));
    if (faults.length >= MAX_FAULTS) break;
  }
  return faults.slice(0, MAX_FAULTS);
}
