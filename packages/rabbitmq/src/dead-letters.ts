import { setImmediate as nextTurn } from 'node:timers/promises';
import type { AsyncMessage, Connection, Publisher, ReturnedMessage } from 'rabbitmq-client';

const MAX_REASON = 1_000;

/** Where messages go that never become a run, with the reason. One at a time: they are few, and none may get lost. */
export class DeadLetters {
  readonly #exchange: string;
  readonly #publisher: Publisher;
  #last: Promise<unknown> = Promise.resolve();
  #returned: ReturnedMessage | undefined;

  constructor(amqp: Connection, exchange: string) {
    this.#exchange = exchange;
    this.#publisher = amqp.createPublisher({ confirm: true });
    this.#publisher.on('basic.return', (message) => {
      this.#returned = message;
    });
  }

  /** Resolves once the broker has it in a queue. @throws when it has not: the message must stay where it is */
  add(message: AsyncMessage, queue: string, reason: string): Promise<void> {
    const sending = this.#last.then(() => this.#send(message, queue, reason));
    this.#last = sending.catch(() => {});
    return sending;
  }

  close(): Promise<void> {
    return this.#publisher.close();
  }

  async #send(message: AsyncMessage, queue: string, reason: string): Promise<void> {
    const { body, routingKey, messageId, contentType, type, headers } = message;
    this.#returned = undefined;
    await this.#publisher.send(
      {
        ...{ exchange: this.#exchange, routingKey, durable: true, mandatory: true },
        ...(messageId !== undefined && { messageId }),
        ...(contentType !== undefined && { contentType }),
        ...(type !== undefined && { type }),
        headers: { ...headers, 'holdfast-reason': reason.slice(0, MAX_REASON), 'holdfast-queue': queue },
      },
      Buffer.isBuffer(body) ? body : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
    );
    // a message that no queue takes is given back first, and confirmed then; the library tells of the former a turn later
    await nextTurn();
    if (this.#returned) {
      throw new Error(
        `no queue is bound to the exchange "${this.#exchange}" for the routing key "${routingKey}"`,
      );
    }
  }
}
