import { ConfigError, pem, url } from '@holdfast/app-kit';
import type { DurationInput, RetryPolicy, StepOptions } from '@holdfast/engine';
import type { Sharing } from '@holdfast/http';
import { type Connected, checkName, type Provider, prefixOf, provider } from '@holdfast/project';
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
  checkName(name);
  const prefix = prefixOf(name);
  const where = z
    .string({ error: `expected the URL of the broker "${name}", such as amqp://user@host/vhost` })
    .pipe(url('amqp:', 'amqps:'));
  const variables = {
    [`${prefix}_URL`]: fixed === undefined ? where : where.default(fixed),
    [`${prefix}_TLS_CA`]: pem.optional(),
  };
  const whereOf = (read: Readonly<Record<string, unknown>>): Where => ({
    ...{ name, url: String(read[`${prefix}_URL`]) },
    tlsCa: read[`${prefix}_TLS_CA`] as string | undefined,
  });

  /** The last one is used: a config that is loaded again connects anew while calls of before are under way. */
  const connections: Publishing[] = [];
  const current = () => {
    const connection = connections.at(-1);
    if (connection) return connection;
    throw new TypeError(
      `the broker "${name}" is not connected: its steps work in a worker whose config names it in \`providers\``,
    );
  };
  const connect = (read: Readonly<Record<string, unknown>>, sharing?: Sharing): Connected => {
    const connection = new Publishing(whereOf(read), sharing);
    connections.push(connection);
    return {
      close: async () => {
        connections.splice(connections.indexOf(connection), 1);
        await connection.close();
      },
    };
  };
  const base = provider({
    ...{ name, variables },
    configure: (read) => (sharing) => connect(read, sharing),
  });
  return Object.assign(base, {
    [INSIDE]: { connect, whereOf },
    publish(
      message: OutgoingMessage,
      { retry, timeout = '10s', dedupedFor = '7d' }: PublishOptions = {},
    ): StepOptions<{ messageId: string }> {
      return {
        run: (call) => current().publish(call, message),
        whenInDoubt: 'repeat',
        keyLifetime: dedupedFor,
        ...(retry && { retry }),
        timeout,
      };
    },
  });
}

const INSIDE: unique symbol = Symbol('holdfast.rabbitmq');

interface Inside {
  connect(read: Readonly<Record<string, unknown>>): Connected;
  whereOf(read: Readonly<Record<string, unknown>>): Where;
}

/** @internal */
export function readWhere(broker: Rabbitmq, env: Readonly<Record<string, string | undefined>>): Where {
  return insideOf(broker).whereOf(readAlone(broker, env));
}

/**
 * Connects a broker on its own, without Redis, for tests and scripts: no breaker, no health.
 * @param env its variables
 * @throws ConfigError naming what is missing or cannot be used
 */
export function connectRabbitmq(broker: Rabbitmq, env: Readonly<Record<string, string>>): Connected {
  return insideOf(broker).connect(readAlone(broker, env));
}

function insideOf(broker: Rabbitmq): Inside {
  return Reflect.get(broker, INSIDE) as Inside;
}

function readAlone(
  broker: Rabbitmq,
  env: Readonly<Record<string, string | undefined>>,
): Readonly<Record<string, unknown>> {
  const read = z.object(broker.variables).safeParse(env);
  if (read.success) return read.data;
  throw new ConfigError(
    read.error.issues.map(({ path, message }) => ({ variable: String(path[0]), message })),
  );
}
