import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { type AsyncMessage, ConsumerStatus } from 'rabbitmq-client';
import { openAmqp } from './connection.ts';
import { DeadLetters } from './dead-letters.ts';
import { type Rabbitmq, readWhere } from './rabbitmq.ts';

/** A message as `toRun` sees it. */
export interface IncomingMessage {
  /** JSON that was parsed, by the content type; else a text, or bytes. */
  readonly body: unknown;
  readonly messageId: string | undefined;
  readonly routingKey: string;
  readonly exchange: string;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly type: string | undefined;
  /** The broker has delivered it before, to somebody who did not acknowledge it. */
  readonly redelivered: boolean;
}

/** The run that a message becomes. */
export interface RunRequest {
  readonly flow: string;
  readonly input: unknown;
  readonly tags?: Readonly<Record<string, string>>;
}

/** What `@holdfast/client` offers; anything with the same meaning will do. */
export interface Submitter {
  /** Resolves once the run is durable. Rejects with an error whose `status` is that of the API's answer. */
  submit(
    flow: string,
    input: unknown,
    options: { readonly idempotencyKey: string; readonly tags?: Readonly<Record<string, string>> },
  ): Promise<{ readonly id: string }>;
}

export interface ConsumerOptions {
  readonly queue: string;
  /** Takes the runs: `new HoldfastClient({ url, apiKey })` with a key of the scope `submit`. */
  readonly client: Submitter;
  /** The run for a message, or undefined to drop it. What it throws makes the message a poison one. */
  readonly toRun: (message: IncomingMessage) => RunRequest | undefined;
  /** Messages in work at a time; the broker sends no more. Default 20. */
  readonly prefetch?: number;
  /**
   * Where messages go that never become a run, with the reason in the header `holdfast-reason`. Default: they are refused, so that the
   * queue's own dead-letter exchange takes them, without a reason; a queue that has none loses them.
   */
  readonly deadLetterExchange?: string;
  /** The environment with the broker's variables. Default `process.env`. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Told of what people should know: poison messages, an API that does not take runs, a broker that is away. Default: nobody. */
  readonly onTrouble?: (trouble: Trouble) => void;
}

export interface Trouble {
  readonly kind: 'poison' | 'submit_failed' | 'broker';
  readonly queue: string;
  readonly messageId?: string | undefined;
  readonly reason: string;
}

export interface Consumer {
  /** Takes no more messages; those in work are finished, or go back to the queue. */
  close(): Promise<void>;
}

const PREFETCH = 20;
const FIRST_DELAY_MS = 250;
const MAX_DELAY_MS = 15_000;
/** Answers that say something of the request and not of the moment. */
const POISONOUS = new Set([400, 404, 409, 413, 415, 422]);

/**
 * Makes each message of a queue a run. A message is acknowledged only once its run is durable, and its run's key is the queue and the
 * message's id (or a hash of its body), so that one that comes twice is one run. As long as the API takes no runs, messages wait in the
 * broker. Comes back by itself when the broker was away.
 * @throws ConfigError when the broker's variables are missing or cannot be used
 * @example
 * const consumer = startConsumer(broker, {
 *   queue: 'orders',
 *   client: new HoldfastClient({ url, apiKey }),
 *   toRun: ({ body }) => ({ flow: 'fulfil', input: body }),
 *   deadLetterExchange: 'orders.dead',
 * });
 */
export function startConsumer(broker: Rabbitmq, options: ConsumerOptions): Consumer {
  const { queue, prefetch = PREFETCH, deadLetterExchange, onTrouble = () => {} } = options;
  const amqp = openAmqp(readWhere(broker, options.env ?? process.env));
  const stopped = new AbortController();
  const dead = deadLetterExchange === undefined ? undefined : new DeadLetters(amqp, deadLetterExchange);
  const handler = new MessageHandler(options, stopped.signal, dead);
  const consumer = amqp.createConsumer(
    {
      // the queue is there already, with arguments of its own
      ...{ queue, queueOptions: { passive: true } },
      ...{ requeue: true, concurrency: prefetch, qos: { prefetchCount: prefetch } },
    },
    (message) => handler.handle(message),
  );
  consumer.on('error', (error) => {
    if (!stopped.signal.aborted) onTrouble({ kind: 'broker', queue, reason: messageOf(error) });
  });
  return {
    async close() {
      stopped.abort();
      await consumer.close();
      await dead?.close();
      await amqp.close();
    },
  };
}

class MessageHandler {
  readonly #options: ConsumerOptions;
  readonly #stopped: AbortSignal;
  readonly #dead: DeadLetters | undefined;

  constructor(options: ConsumerOptions, stopped: AbortSignal, dead: DeadLetters | undefined) {
    this.#options = options;
    this.#stopped = stopped;
    this.#dead = dead;
  }

  /** @returns what to tell the broker; the message is its until then */
  async handle(message: AsyncMessage): Promise<ConsumerStatus> {
    const { toRun } = this.#options;
    let request: RunRequest | undefined;
    try {
      request = toRun(seenOf(message));
    } catch (error) {
      return this.#poison(message, `toRun failed: ${messageOf(error)}`);
    }
    if (!request) return ConsumerStatus.ACK;
    const fault = await this.#submit(message, request);
    if (fault === 'stopped') return ConsumerStatus.REQUEUE;
    return fault === undefined ? ConsumerStatus.ACK : this.#poison(message, fault);
  }

  /** Tries until the run is durable, is refused for good, or the consumer stops. @returns why it never will be */
  async #submit(message: AsyncMessage, request: RunRequest): Promise<string | 'stopped' | undefined> {
    const { client, queue, onTrouble = () => {} } = this.#options;
    const { flow, input, tags } = request;
    const idempotencyKey = keyOf(queue, message);
    for (let waitMs = FIRST_DELAY_MS; ; waitMs = Math.min(2 * waitMs, MAX_DELAY_MS)) {
      try {
        await client.submit(flow, input, { idempotencyKey, ...(tags && { tags }) });
        return undefined;
      } catch (error) {
        if (POISONOUS.has(Object(error).status)) return `${String(Object(error).code)}: ${messageOf(error)}`;
        onTrouble({ kind: 'submit_failed', queue, messageId: message.messageId, reason: messageOf(error) });
      }
      await delay(waitMs, undefined, { signal: this.#stopped }).catch(() => {});
      if (this.#stopped.aborted) return 'stopped';
    }
  }

  async #poison(message: AsyncMessage, reason: string): Promise<ConsumerStatus> {
    const { queue, onTrouble = () => {} } = this.#options;
    onTrouble({ kind: 'poison', queue, messageId: message.messageId, reason });
    if (!this.#dead) return ConsumerStatus.DROP;
    try {
      await this.#dead.add(message, queue, reason);
      return ConsumerStatus.ACK;
    } catch (error) {
      const why = `the message could not be put with the dead letters: ${messageOf(error)}`;
      onTrouble({ kind: 'broker', queue, messageId: message.messageId, reason: why });
      await delay(MAX_DELAY_MS, undefined, { signal: this.#stopped }).catch(() => {});
      return ConsumerStatus.REQUEUE;
    }
  }
}

/** At most 255 visible ASCII characters, whatever the sender called the message. */
function keyOf(queue: string, { messageId, body }: AsyncMessage): string {
  const id = messageId || `sha256-${hashOf(Buffer.isBuffer(body) ? body : JSON.stringify(body))}`;
  const key = `${queue}:${id}`;
  return /^[\x21-\x7e]{1,255}$/.test(key) ? key : `sha256-${hashOf(key)}`;
}

function hashOf(data: string | Buffer): string {
  return createHash('sha256').update(data).digest('hex');
}

function seenOf(message: AsyncMessage): IncomingMessage {
  const { body, messageId, routingKey, exchange, headers = {}, type, redelivered } = message;
  return { body, messageId, routingKey, exchange, headers, type, redelivered };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
