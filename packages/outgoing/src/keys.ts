import { tagOf } from '@holdfast/redis';

/** @param tag the engine's, so that one script may touch several of these in a cluster */
const keysWith = (tag: string) => ({
  /** Hash: an endpoint, as operations stores it. */
  endpoint: (id: string) => `${tag}/webhook-endpoint/${id}`,
  /** Hash: how a delivery stands. Expires with the retention once it has ended; a dead one waits for a person. */
  delivery: (id: string) => `${tag}/webhook-delivery/${id}`,
  /** Sorted set: an endpoint's deliveries → when they were created. Entries go once their delivery has expired. No TTL. */
  deliveries: (endpoint: string) => `${tag}/webhook-deliveries/${endpoint}`,
  /** Sorted set: deliveries that are being sent → until when their place in the lane is theirs. Expires. */
  inFlight: (endpoint: string) => `${tag}/webhook-in-flight/${endpoint}`,
  /** Sorted set: deliveries that wait for a place → when they were created. Gone when none waits. No TTL. */
  waiting: (endpoint: string) => `${tag}/webhook-waiting/${endpoint}`,
  /** Sorted set: endpoints for which deliveries wait → when somebody looks after them. No TTL. */
  lanes: `${tag}/webhook-lanes`,
});

/** The keys of the system that a connection belongs to. */
export function keysOf(connection: object): ReturnType<typeof keysWith> {
  return keysWith(tagOf(connection));
}
