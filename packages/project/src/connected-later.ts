/** Stands in for something that flows call, until a worker connects it. */
export interface ConnectedLater<T extends object> {
  /** Calls go to what was connected last. Only functions can be reached through it, however deep. */
  readonly value: T;
  connect(to: T): void;
}

/**
 * Flows are values of a module, while what they call is connected by the worker, when it has read its configuration.
 * @param name for the message of who calls it too early
 */
export function connectedLater<T extends object>(name: string): ConnectedLater<T> {
  let connected: T | undefined;
  const reach = (path: readonly string[]): object =>
    new Proxy(() => {}, {
      get: (_, member) =>
        typeof member === 'string' && member !== 'then' ? reach([...path, member]) : undefined,
      apply: (_, __, args: unknown[]) => {
        if (connected === undefined) {
          throw new TypeError(
            `${name} is not connected: \`${path.join('.')}\` was called outside of a step, or ${name} is not among the config's \`providers\``,
          );
        }
        return call(connected, path, args);
      },
    });
  return {
    value: reach([]) as T,
    connect: (to) => {
      connected = to;
    },
  };
}

function call(from: object, path: readonly string[], args: readonly unknown[]): unknown {
  let owner: unknown;
  let member: unknown = from;
  for (const name of path) {
    owner = member;
    member = Reflect.get(Object(member), name);
  }
  if (typeof member !== 'function') throw new TypeError(`\`${path.join('.')}\` is no function`);
  return Reflect.apply(member, owner, args);
}
