/** The engine's hash tag, so that one script may touch several of these in a cluster. */
const TAG = '{hf0}';

export const keys = {
  /** Hash: an endpoint, as operations stores it. */
  endpoint: (id: string) => `${TAG}/webhook-endpoint/${id}`,
  /** Hash: how a delivery stands. Expires with the retention once it has ended; a dead one waits for a person. */
  delivery: (id: string) => `${TAG}/webhook-delivery/${id}`,
  /** Sorted set: an endpoint's deliveries → when they were created. Entries go once their delivery has expired. No TTL. */
  deliveries: (endpoint: string) => `${TAG}/webhook-deliveries/${endpoint}`,
  /** Sorted set: deliveries that are being sent → until when their place in the lane is theirs. Expires. */
  inFlight: (endpoint: string) => `${TAG}/webhook-in-flight/${endpoint}`,
  /** Sorted set: deliveries that wait for a place → when they were created. Gone when none waits. No TTL. */
  waiting: (endpoint: string) => `${TAG}/webhook-waiting/${endpoint}`,
  /** Sorted set: endpoints for which deliveries wait → when somebody looks after them. No TTL. */
  lanes: `${TAG}/webhook-lanes`,
} as const;
