import { pem, url } from '@holdfast/app-kit';
import type { DurationInput, RetryPolicy, StepOptions } from '@holdfast/engine';
import { type Connected, Connector, type Provider, prefixOf } from '@holdfast/project';
import { z } from 'zod';
import { Publishing, type Where } from './connection.ts';
import type { OutgoingMessage } from './message.ts';

export interface RabbitmqOptions {
  /** Lower-case letters, digits and dashes. It names the variables (`HOLDFAST_<NAME>_URL`), and the broker in health and errors. Default `rabbitmq`. */
  readonly name?: string;
  /** Where it is, unless the variable `_URL` says otherwise. Default: the variable is needed. */
  readonly url?: string;
}

export interface PublishOptions {
  readonly retry?: Partial<RetryPolicy>;
  /** How long to wait for the broker's confirmation. Default `10s`. */
  readonly timeout?: DurationInput;
  /**
   * For how long receivers absorb a message that comes twice under one id. A publication whose confirmation was lost is repeated within this
   * time; past it, a person answers. Default `7d`.
   */
  readonly dedupedFor?: DurationInput;
}

/** For a config's `providers`, and for the steps of its flows. */
export interface Rabbitmq extends Provider {
  /**
   * A step that publishes one message and is over once the broker has confirmed it. A confirmation that is lost makes it publish again
   * with the same `messageId`: receivers see it at least once, and can tell. A message that no queue takes is rejected with `message_unroutable`.
   * @example await ctx.step('announce', broker.publish({ exchange: 'orders', routingKey: 'order.shipped', body: { id } }));
   */
  publish(message: OutgoingMessage, options?: PublishOptions): StepOptions<{ messageId: string }>;
}

/**
 * A RabbitMQ for flows: persistent messages, publisher confirms, one connection for each process that comes back by itself, guarded by the
 * shared breaker. Reads `HOLDFAST_<NAME>_URL` (`amqp://user:password@host:5672/vhost`, or `amqps:`) and `_TLS_CA`.
 * @throws TypeError for a name that cannot be one
 * @example
 * export const broker = rabbitmq();
 * export default defineConfig({ flows, providers: [broker] });
 */
export function rabbitmq({ name = 'rabbitmq', url: fixed }: RabbitmqOptions = {}): Rabbitmq {
  const prefix = prefixOf(name);
  const where = z
    .string({ error: `expected the URL of the broker "${name}", such as amqp://user@host/vhost` })
    .pipe(url('amqp:', 'amqps:'));
  const connector = new Connector({
    ...{ name, kind: 'broker' },
    variables: {
      [`${prefix}_URL`]: fixed === undefined ? where : where.default(fixed),
      [`${prefix}_TLS_CA`]: pem.optional(),
    },
    whereOf: (read): Where => ({
      ...{ name, url: String(read[`${prefix}_URL`]) },
      tlsCa: read[`${prefix}_TLS_CA`] as string | undefined,
    }),
    connect: (at, sharing) => new Publishing(at, sharing),
  });

  const made: Rabbitmq = Object.assign(connector.provider, {
    publish(
      message: OutgoingMessage,
      { retry, timeout = '10s', dedupedFor = '7d' }: PublishOptions = {},
    ): StepOptions<{ messageId: string }> {
      return {
        run: (call) => connector.current().publish(call, message),
        whenInDoubt: 'repeat',
        keyLifetime: dedupedFor,
        ...(retry && { retry }),
        timeout,
      };
    },
  });
  connectors.set(made, connector);
  return made;
}

const connectors = new WeakMap<Rabbitmq, Connector<Where, Publishing>>();

/** @internal */
export function readWhere(broker: Rabbitmq, env: Readonly<Record<string, string | undefined>>): Where {
  return connectorOf(broker).whereIn(env);
}

/**
 * Connects a broker on its own, without Redis, for tests and scripts: no breaker, no health.
 * @param env its variables
 * @throws ConfigError naming what is missing or cannot be used
 */
export function connectRabbitmq(broker: Rabbitmq, env: Readonly<Record<string, string>>): Connected {
  return connectorOf(broker).alone(env);
}

function connectorOf(broker: Rabbitmq): Connector<Where, Publishing> {
  const connector = connectors.get(broker);
  if (!connector) throw new TypeError('expected what `rabbitmq()` returned');
  return connector;
}
