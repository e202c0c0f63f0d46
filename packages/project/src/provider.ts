import type { Sharing } from '@holdfast/http';
import type { z } from 'zod';

/** What a worker needs to know of those that its flows call: what configures them, and how they are connected. */
export interface Provider {
  /** For messages. */
  readonly name: string;
  /** The environment variables that configure it, each with its type. */
  readonly variables: z.ZodRawShape;
  /**
   * Looks at the variables together, before Redis is touched.
   * @param read their values, by name
   * @returns how it is connected
   * @throws ConfigError naming what does not fit
   */
  configure(read: Readonly<Record<string, unknown>>): Connect;
}

/** @param sharing what limits, breakers and health are shared through with all other workers */
export type Connect = (sharing: Sharing) => Connected;

export interface Connected {
  /** Ends its connections. */
  close(): Promise<void>;
}

/** A provider whose variables keep their types. */
export function provider<S extends z.ZodRawShape>(made: {
  readonly name: string;
  readonly variables: S;
  readonly configure: (read: z.infer<z.ZodObject<S>>) => Connect;
}): Provider {
  // the worker reads exactly these variables with exactly these types before it calls
  return { ...made, configure: (read) => made.configure(read as z.infer<z.ZodObject<S>>) };
}
