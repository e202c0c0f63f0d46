/** Lower-case letters, digits and "-", at most 40, beginning with a letter or digit. */
export const NAMESPACE = /^[a-z0-9][a-z0-9-]{0,39}$/;

/** Every key of a shard carries this hash tag, BullMQ's own included, so that a script may touch several in a cluster. */
const TAG = '{hf0}';

const namespaces = new WeakMap<object, string>();

/**
 * Keeps what is done over a connection apart from other systems on the same Redis: all keys and queues begin with the namespace.
 * @throws RangeError when the namespace cannot be one
 */
export function setNamespace(connection: object, namespace: string): void {
  if (!NAMESPACE.test(namespace))
    throw new RangeError(
      `a namespace is at most 40 lower-case letters, digits or "-", and begins with a letter or digit; got ${JSON.stringify(namespace)}`,
    );
  namespaces.set(connection, namespace);
}

export function namespaceOf(connection: object): string | undefined {
  return namespaces.get(connection);
}

/** What every key over this connection begins with; also the `prefix` of BullMQ's queues. */
export function tagOf(connection: object): string {
  return tagIn(namespaces.get(connection));
}

export function tagIn(namespace: string | undefined): string {
  return namespace === undefined ? TAG : `${namespace}:${TAG}`;
}
