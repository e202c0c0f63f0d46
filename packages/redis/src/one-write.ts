import type { Cluster, Redis } from 'ioredis';

const held = new WeakSet<object>();

/**
 * Lets what is sent until the end of this turn of the event loop leave in one write. Many runs go on in one turn, since their replies
 * come in together; a write for each command would cost a system call here, and one more round of Redis' loop, with its fsync, there.
 * Nothing is delayed: the turn ends before the process waits for anything. A cluster's connections are left as they are.
 */
export function sendInOneWrite(connection: Redis | Cluster): void {
  if (!('stream' in connection)) return;
  const { stream } = connection;
  if (!stream || held.has(stream)) return;
  held.add(stream);
  stream.cork();
  process.nextTick(() => {
    held.delete(stream);
    stream.uncork();
  });
}
