import { Redis } from 'ioredis';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { startRedis, startTcpProxy, type TcpProxy, type TestRedis, waitFor } from '../src/index.ts';

let redis: TestRedis;
let proxy: TcpProxy;
let client: Redis;
beforeEach(async () => {
  redis = await startRedis(['--appendonly', 'no']);
  proxy = await startTcpProxy(redis.port);
  client = new Redis(proxy.url, { maxRetriesPerRequest: null, retryStrategy: () => 5 });
  client.on('error', () => {});
  await client.ping();
});
afterEach(async () => {
  client.disconnect();
  await proxy.close();
  await redis.stop();
});

const isIncr = ([name]: readonly string[]) => name?.toLowerCase() === 'incr';

it('a command whose reply is lost was done, and is sent again', async () => {
  const lost = proxy.loseReplyTo(isIncr);
  expect(await client.incr('count')).toBe(2);
  await lost;
});

it('a command that is cut off before Redis gets it is done once, when it is sent again', async () => {
  const cut = proxy.cutBefore(isIncr);
  expect(await client.incr('count')).toBe(1);
  await cut;
});

it('a black hole swallows without a word; healed, the client comes back and sends again', async () => {
  proxy.blackHole();
  let answered = false;
  const count = client.incr('count').then((value) => {
    answered = true;
    return value;
  });
  const direct = new Redis(redis.url);
  await waitFor(async () => String(await direct.client('LIST')).includes('cmd='), {
    what: 'Redis to be reached',
  });
  expect([answered, await direct.get('count')]).toEqual([false, null]);
  direct.disconnect();
  proxy.heal();
  expect(await count).toBe(1);
});

it('reads commands however they are cut into packets', async () => {
  const before = proxy.commands;
  await client.set('big', 'x'.repeat(300_000));
  await Promise.all(Array.from({ length: 100 }, (_, i) => client.set(`k${i}`, i)));
  expect(proxy.commands - before).toBe(101);
});
