/** What a step publishes. It is persistent, and its `messageId` is the step's key: the same on every attempt. */
export interface OutgoingMessage {
  /** Default: the default exchange, by which the routing key is the name of a queue. */
  readonly exchange?: string;
  readonly routingKey: string;
  /** A text or bytes as they are; anything else as JSON. */
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string | number | boolean>>;
  readonly correlationId?: string;
  readonly replyTo?: string;
  /** What the receivers tell kinds of messages apart by. */
  readonly type?: string;
  /** After which the broker drops it, in milliseconds. */
  readonly expiration?: number;
}
