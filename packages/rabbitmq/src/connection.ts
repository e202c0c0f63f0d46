import { setImmediate as nextTurn } from 'node:timers/promises';
import type { StepCall } from '@holdfast/engine';
import {
  createGuard,
  failed,
  type Guard,
  notStarted,
  type Performed,
  performGuarded,
  type Sharing,
} from '@holdfast/http';
import { Connection as AmqpConnection, type Channel, type ReturnedMessage } from 'rabbitmq-client';
import { NotSentError, publishFailure, ReturnedError } from './failures.ts';
import type { OutgoingMessage } from './message.ts';

export interface Where {
  readonly name: string;
  readonly url: string;
  readonly tlsCa: string | undefined;
}

const CONNECT_WITHIN_MS = 5_000;
const LONGEST_CALL_MS = 60_000;

/** An AMQP connection that comes back by itself. */
export function openAmqp({ name, url, tlsCa }: Where): AmqpConnection {
  const amqp = new AmqpConnection({
    url,
    connectionName: `holdfast ${name}`,
    acquireTimeout: CONNECT_WITHIN_MS,
    connectionTimeout: CONNECT_WITHIN_MS,
    retryLow: 250,
    retryHigh: 5_000,
    ...(tlsCa && { tls: { ca: tlsCa } }),
  });
  // each call learns of it by itself; without a listener it would end the process
  amqp.on('error', () => {});
  return amqp;
}

/** One process's way to publish through one broker. */
export class Publishing {
  readonly #where: Where;
  readonly #amqp: AmqpConnection;
  readonly #guard: Guard | undefined;
  /** One for each exchange: an exchange that is not there closes the channel, and all that waits on it. */
  readonly #channels = new Map<string, Promise<Channel>>();
  readonly #returned = new Map<string, ReturnedMessage>();
  #blocked: string | undefined;

  constructor(where: Where, sharing: Sharing | undefined) {
    const { name, url } = where;
    this.#where = where;
    this.#amqp = openAmqp(where);
    this.#amqp.on('connection.blocked', (reason) => {
      this.#blocked = String(reason);
    });
    for (const over of ['connection.unblocked', 'connection'] as const) {
      this.#amqp.on(over as 'connection', () => {
        this.#blocked = undefined;
      });
    }
    this.#guard =
      sharing && createGuard({ provider: name, account: url, longestCallMs: LONGEST_CALL_MS, ...sharing });
  }

  /** Resolves once the broker has the message on disk, in every queue that it went to. @throws the step's error */
  publish(call: StepCall, message: OutgoingMessage): Promise<{ messageId: string }> {
    const what = `${this.#where.name} publish ${message.exchange ?? ''} ${message.routingKey}`.replace(
      '  ',
      ' ',
    );
    return performGuarded({ call, guard: this.#guard, what }, (mayStart) =>
      this.#perform(call, mayStart, message),
    );
  }

  async close(): Promise<void> {
    const channels = await Promise.allSettled(this.#channels.values());
    for (const channel of channels)
      if (channel.status === 'fulfilled') await channel.value.close().catch(() => {});
    await this.#amqp.close().catch(() => {});
    await this.#guard?.close();
  }

  async #perform(
    call: StepCall,
    mayStart: () => boolean,
    message: OutgoingMessage,
  ): Promise<Performed<{ messageId: string }>> {
    let sent = false;
    try {
      const channel = await this.#channel(message.exchange ?? '');
      if (this.#blocked !== undefined)
        throw new NotSentError('broker_blocked', `takes no messages for now: ${this.#blocked}`);
      if (call.signal.aborted)
        throw new NotSentError('broker_unreachable', 'the step was given up before it began');
      if (!mayStart()) return notStarted;
      sent = true;
      const messageId = call.idempotencyKey;
      await unlessAborted(call.signal, this.#send(channel, messageId, message));
      return { kind: 'ok', value: { messageId }, sent };
    } catch (error) {
      return failed(error, publishFailure(error), sent);
    }
  }

  async #send(channel: Channel, messageId: string, message: OutgoingMessage): Promise<void> {
    const { exchange = '', routingKey, body, headers, correlationId, replyTo, type, expiration } = message;
    const isRaw = typeof body === 'string' || Buffer.isBuffer(body);
    const envelope = {
      ...{ exchange, routingKey, messageId, durable: true, mandatory: true },
      ...(!isRaw && { contentType: 'application/json' }),
      ...(headers && { headers: { ...headers } }),
      ...(correlationId && { correlationId }),
      ...(replyTo && { replyTo }),
      ...(type && { type }),
      ...(expiration !== undefined && { expiration: String(expiration) }),
    };
    this.#returned.delete(messageId);
    await channel.basicPublish(envelope, isRaw ? body : Buffer.from(JSON.stringify(body)));
    // a message that nobody takes is given back first, and confirmed then; the library tells of the former a turn later
    await nextTurn();
    const returned = this.#returned.get(messageId);
    if (!returned) return;
    this.#returned.delete(messageId);
    throw new ReturnedError(returned.replyCode, returned.replyText);
  }

  async #channel(exchange: string): Promise<Channel> {
    const known = await this.#channels.get(exchange)?.catch(() => undefined);
    if (known?.active) return known;
    const opening = this.#open();
    this.#channels.set(exchange, opening);
    return opening.catch((error: unknown) => {
      throw new NotSentError('broker_unreachable', messageOf(error), error);
    });
  }

  async #open(): Promise<Channel> {
    const channel = await this.#amqp.acquire({ emitErrorsFromChannel: true });
    channel.on('error', () => {});
    channel.on('basic.return', (message) => {
      if (message.messageId !== undefined) this.#returned.set(message.messageId, message);
    });
    await channel.confirmSelect();
    return channel;
  }
}

async function unlessAborted<T>(signal: AbortSignal, doing: Promise<T>): Promise<T> {
  let giveUp = () => {};
  const aborted = new Promise<never>((_, reject) => {
    giveUp = () => reject(new Error('no confirmation came in time'));
    signal.addEventListener('abort', giveUp, { once: true });
  });
  return Promise.race([doing, aborted]).finally(() => signal.removeEventListener('abort', giveUp));
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
