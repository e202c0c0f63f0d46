import { setTimeout as delay } from 'node:timers/promises';
import type { StepCall } from '@holdfast/engine';
import { waitFor } from '@holdfast/testkit';
import { Connection } from 'rabbitmq-client';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  connectRabbitmq,
  type OutgoingMessage,
  type RunRequest,
  rabbitmq,
  startConsumer,
} from '../src/index.ts';
import { hasRabbitmq, type RabbitmqServer, startRabbitmq } from './support/rabbitmq-server.ts';

const broker = rabbitmq();
let server: RabbitmqServer;
let admin: Connection;
let connected: { close(): Promise<void> };
let calls = 0;

function newCall(over: Partial<StepCall> = {}): StepCall {
  const step = `step-${++calls}`;
  return {
    ...{
      idempotencyKey: `run_1:1:${step}`,
      reference: `run_1.1.${step}`,
      runId: 'run_1',
      generation: 1,
      step,
    },
    ...{ attempt: 1, startedAt: Date.now(), signal: new AbortController().signal },
    ...over,
  };
}
const publish = async (message: OutgoingMessage, call = newCall()) => broker.publish(message).run(call);

/** All that is in a queue now. */
async function drain(queue: string) {
  const found = [];
  for (;;) {
    const message = await admin.basicGet({ queue, noAck: true });
    if (!message) return found;
    found.push(message);
  }
}

class Api {
  readonly runs = new Map<string, { flow: string; input: unknown }>();
  requests = 0;
  answer: (() => unknown) | undefined;
  async submit(flow: string, input: unknown, { idempotencyKey }: { idempotencyKey: string }) {
    this.requests += 1;
    const fault = this.answer?.();
    if (fault) throw fault;
    if (!this.runs.has(idempotencyKey)) this.runs.set(idempotencyKey, { flow, input });
    return { id: `run_${idempotencyKey}` };
  }
}
const problem = (status: number, code: string) =>
  Object.assign(new Error(`answered ${status}`), { status, code });

describe.skipIf(!hasRabbitmq)('RabbitMQ', () => {
  beforeAll(async () => {
    server = await startRabbitmq();
    admin = new Connection({ url: server.url, retryLow: 100 });
    admin.on('error', () => {});
    await admin.exchangeDeclare({ exchange: 'dead', type: 'fanout', durable: true });
    await admin.queueDeclare({ queue: 'dead-ones', durable: true });
    await admin.queueBind({ exchange: 'dead', queue: 'dead-ones' });
    connected = connectRabbitmq(broker, { HOLDFAST_RABBITMQ_URL: server.url });
  }, 90_000);
  afterAll(async () => {
    await connected?.close();
    await admin?.close();
    await server?.stop();
  }, 30_000);

  describe('a step that publishes', () => {
    beforeEach(() => admin.queueDeclare({ queue: 'out', durable: true }));
    afterEach(() => admin.queueDelete('out'));

    it('sends a persistent message under its key', async () => {
      const call = newCall();
      const body = { id: 1, text: 'ü' };
      const message = {
        routingKey: 'out',
        body,
        headers: { region: 'eu' },
        type: 'order.shipped',
        correlationId: 'c',
      };
      expect(await publish(message, call)).toEqual({ messageId: call.idempotencyKey });
      const [got] = await drain('out');
      expect(got).toMatchObject({
        ...{ body, messageId: call.idempotencyKey, durable: true, type: 'order.shipped', correlationId: 'c' },
        headers: { region: 'eu' },
      });
    });

    it('sends texts and bytes as they are', async () => {
      await publish({ routingKey: 'out', body: 'text' });
      await publish({ routingKey: 'out', body: Buffer.from([0, 255]) });
      expect((await drain('out')).map(({ body }) => body)).toEqual(['text', Buffer.from([0, 255])]);
    });

    it('keeps many apart', async () => {
      await Promise.all(Array.from({ length: 200 }, (_, n) => publish({ routingKey: 'out', body: n })));
      expect(new Set((await drain('out')).map(({ messageId }) => messageId)).size).toBe(200);
    });

    it('is rejected when no queue takes it', async () => {
      await expect(publish({ routingKey: 'nowhere', body: 1 })).rejects.toMatchObject({
        ...{ kind: 'rejected', code: 'message_unroutable' },
        message: expect.stringContaining('is the queue bound'),
      });
    });

    it('is misconfigured when there is no such exchange, and harms no other exchange', async () => {
      const [bad, good] = await Promise.allSettled([
        publish({ exchange: 'nope', routingKey: 'x', body: 1 }),
        publish({ routingKey: 'out', body: 2 }),
      ]);
      expect(bad).toMatchObject({ reason: { kind: 'misconfigured', code: 'not_found' } });
      expect(good.status).toBe('fulfilled');
      await expect(publish({ exchange: 'nope', routingKey: 'x', body: 1 })).rejects.toMatchObject({
        kind: 'misconfigured',
      });
    });

    it('is in doubt when it was given up before the broker confirmed', async () => {
      const giveUp = new AbortController();
      const doing = publish({ routingKey: 'out', body: 1 }, newCall({ signal: giveUp.signal }));
      // after the channel is there, before the answer
      await delay(0);
      giveUp.abort();
      const outcome = await doing.then(
        () => 'confirmed',
        ({ kind }) => kind,
      );
      expect(['confirmed', 'in_doubt', 'unavailable']).toContain(outcome);
    });

    it('is unavailable when the broker is not there', async () => {
      const away = rabbitmq({ name: 'away' });
      const alone = connectRabbitmq(away, { HOLDFAST_AWAY_URL: 'amqp://127.0.0.1:1' });
      await expect(away.publish({ routingKey: 'q', body: 1 }).run(newCall())).rejects.toMatchObject({
        ...{ kind: 'unavailable', code: 'broker_unreachable' },
      });
      await alone.close();
    }, 20_000);
  });

  describe('a queue whose messages become runs', () => {
    let api: Api;
    let troubles: string[];
    let consumers: { close(): Promise<void> }[];
    const consume = (toRun: (body: unknown) => RunRequest | undefined, deadLetterExchange?: string) => {
      const consumer = startConsumer(broker, {
        ...{ queue: 'in', client: api, prefetch: 10, env: { HOLDFAST_RABBITMQ_URL: server.url } },
        toRun: ({ body }) => toRun(body),
        ...(deadLetterExchange !== undefined && { deadLetterExchange }),
        onTrouble: ({ kind, reason }) => troubles.push(`${kind}: ${reason}`),
      });
      consumers.push(consumer);
      return consumer;
    };
    const order = (body: unknown): RunRequest => ({ flow: 'order', input: body });
    const send = (body: unknown, messageId?: string) =>
      admin.acquire().then(async (channel) => {
        await channel.basicPublish(
          { routingKey: 'in', durable: true, ...(messageId && { messageId }) },
          body as never,
        );
        await channel.close();
      });
    const left = async () => (await admin.queueDeclare({ queue: 'in', passive: true })).messageCount;

    beforeEach(async () => {
      [api, troubles, consumers] = [new Api(), [], []];
      await admin.queueDeclare({ queue: 'in', durable: true });
    });
    afterEach(async () => {
      for (const consumer of consumers) await consumer.close();
      await admin.queueDelete('in');
      await drain('dead-ones');
    });

    it('one run for each message, and one for a message that comes twice', async () => {
      for (const [body, id] of [
        [{ n: 1 }, 'a'],
        [{ n: 2 }, 'b'],
        [{ n: 1 }, 'a'],
      ] as const)
        await send(body, id);
      await send({ n: 3 });
      await send({ n: 3 });
      consume(order);
      await waitFor(() => api.requests === 5, { what: 'five requests' });
      await waitFor(async () => (await left()) === 0, { what: 'the queue to be empty' });
      const keys = [...api.runs.keys()];
      expect(keys.slice(0, 2).sort()).toEqual(['in:a', 'in:b']);
      expect(keys[2]).toMatch(/^in:sha256-[0-9a-f]{64}$/);
      expect(keys).toHaveLength(3);
    });

    it('is left in the broker while the API takes no runs', async () => {
      api.answer = () => problem(503, 'store_unavailable');
      await send({ n: 1 }, 'a');
      const consumer = consume(order);
      await waitFor(() => api.requests >= 2, { what: 'two tries' });
      await consumer.close();
      expect(await left()).toBe(1);
      expect(troubles.at(0)).toBe('submit_failed: answered 503');
      api.answer = undefined;
      consume(order);
      await waitFor(() => api.runs.has('in:a'), { what: 'the run' });
    });

    it('is a poison message when the API refuses it for good, and lies with its reason at the dead-letter exchange', async () => {
      api.answer = () => problem(422, 'validation_failed');
      await send({ n: 'x' }, 'a');
      consume(order, 'dead');
      const [dead] = await waitFor(
        async () => {
          const found = await drain('dead-ones');
          return found.length > 0 && found;
        },
        { what: 'the dead letter' },
      );
      expect(dead).toMatchObject({
        ...{ messageId: 'a', body: { n: 'x' }, durable: true },
        headers: { 'holdfast-reason': 'validation_failed: answered 422', 'holdfast-queue': 'in' },
      });
      expect(await left()).toBe(0);
    });

    it('is a poison message when toRun fails, and dropped without a run when it says so', async () => {
      await send({ n: 1 }, 'a');
      await send({ n: 2 }, 'b');
      consume((body) => {
        if ((body as { n: number }).n === 1) throw new Error('no such customer');
        return undefined;
      }, 'dead');
      const [dead] = await waitFor(
        async () => {
          const found = await drain('dead-ones');
          return found.length > 0 && found;
        },
        { what: 'the dead letter' },
      );
      expect(dead?.headers).toMatchObject({ 'holdfast-reason': 'toRun failed: no such customer' });
      await waitFor(async () => (await left()) === 0, { what: 'the queue to be empty' });
      expect(api.runs.size).toBe(0);
    });

    it('stays in its queue when the dead-letter exchange has no queue', async () => {
      await admin.exchangeDeclare({ exchange: 'no-queue', type: 'fanout' });
      await send({ n: 1 }, 'a');
      const consumer = consume(() => {
        throw new Error('bad');
      }, 'no-queue');
      await waitFor(() => troubles.some((trouble) => trouble.includes('no queue is bound')), {
        what: 'the trouble',
      });
      await consumer.close();
      expect(await left()).toBe(1);
    });

    it('reads JSON that is none as it can, and goes on', async () => {
      const channel = await admin.acquire();
      await channel.basicPublish(
        { routingKey: 'in', messageId: 'bad', contentType: 'application/json' },
        Buffer.from('{no'),
      );
      await channel.close();
      await send({ n: 2 }, 'good');
      consume(order, 'dead');
      await waitFor(() => api.runs.has('in:good'), { what: 'the good run' });
    });

    it('loses and doubles nothing when broker and consumers die in the middle', async () => {
      const all = 300;
      const call = newCall();
      const sending = (async () => {
        for (let n = 0; n < all; n += 1) {
          const own = { ...call, idempotencyKey: `message-${n}` };
          for (;;) {
            const done = await publish(
              { routingKey: 'in', body: { n } },
              { ...own, signal: AbortSignal.timeout(5_000) },
            ).then(
              () => true,
              () => false,
            );
            if (done) break;
            await delay(100);
          }
        }
      })();
      consume(order);
      const doomed = consume(order);
      await waitFor(() => api.runs.size > 50, { what: 'runs', timeoutMs: 30_000 });
      await server.kill();
      await delay(200);
      await server.start();
      await waitFor(() => api.runs.size > 150, { what: 'more runs', timeoutMs: 60_000 });
      await doomed.close();
      await sending;
      await waitFor(() => api.runs.size >= all, { what: 'all runs', timeoutMs: 60_000 });
      await waitFor(async () => (await left()) === 0, { what: 'the queue to be empty' });
      const numbers = [...api.runs.values()].map(({ input }) => (input as { n: number }).n);
      expect(new Set(numbers).size).toBe(all);
      expect(api.runs.size).toBe(all);
    }, 150_000);
  });
});

describe('its configuration', () => {
  it('names what is wrong', () => {
    expect(() => rabbitmq({ name: 'redis' })).toThrow(/provider's name/);
    expect(() => connectRabbitmq(rabbitmq(), { HOLDFAST_RABBITMQ_URL: 'http://x' })).toThrow(/amqp:/);
    expect(() =>
      startConsumer(rabbitmq(), { queue: 'q', client: new Api(), toRun: () => undefined, env: {} }),
    ).toThrow(/HOLDFAST_RABBITMQ_URL/);
    expect(() => rabbitmq().publish({ routingKey: 'q', body: 1 }).run(newCall())).toThrow(/in `providers`/);
  });
});
