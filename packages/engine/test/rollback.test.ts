import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startRedis, startTcpProxy, waitFor } from '@holdfast/testkit';
import { Redis } from 'ioredis';
import { expect, it } from 'vitest';
import { z } from 'zod';
import { defineFlow } from '../src/index.ts';
import { quietLog, startSystem } from './system.ts';

it('notices a Redis that went back in time, and asks the provider before it buys again what may be forgotten', async () => {
  const seen: string[] = [];
  let hold = true;
  let release: (() => void) | undefined;
  const parcel = defineFlow({
    name: 'parcel',
    version: 1,
    input: z.unknown(),
    output: z.unknown(),
    async run(ctx) {
      await ctx.step('pay', { run: async () => void seen.push('pay'), whenInDoubt: 'repeat' });
      await ctx.waitFor('go');
      return ctx.step('send', {
        run: async () => {
          seen.push('send');
          if (hold) await new Promise<void>((resolve) => (release = resolve));
          return 'label';
        },
        whenInDoubt: async () => {
          seen.push('look');
          return { outcome: 'found', result: 'label' };
        },
      });
    },
  });
  const system = await startSystem([parcel]);
  const backup = await mkdtemp(join(tmpdir(), 'holdfast-aof-'));
  const errors: string[] = [];
  const log = { ...quietLog, error: (_facts: object, message: string) => void errors.push(message) };
  try {
    system.startWorker({ log, lock: '1s', stalledCheck: '500ms' });
    const runId = await system.submit(parcel, null);
    await system.runWith(runId, 'suspended');
    await cp(system.redis.dataDir, backup, { recursive: true });
    await system.client.signal('t', runId, { id: 'go', name: 'go', payload: null });
    await waitFor(() => release, { what: 'the label to be bought' });

    const canary = async () => Number(await system.connection.get('{hf0}/canary'));
    const counted = await canary();
    await waitFor(async () => (await canary()) > counted + 1, { what: 'proofs of life that will be lost' });
    await system.redis.kill('SIGKILL');
    await rm(system.redis.dataDir, { recursive: true });
    await cp(backup, system.redis.dataDir, { recursive: true });
    await system.redis.start();
    hold = false;
    await waitFor(() => errors.some((message) => message.includes('lost acknowledged writes')), {
      what: 'the loss to be noticed',
    });
    release?.();

    await system.client.signal('t', runId, { id: 'go', name: 'go', payload: null });
    expect((await system.runWith(runId, 'completed')).output).toBe('label');
    expect(seen).toEqual(['pay', 'send', 'look']);
  } finally {
    await system.close();
    await rm(backup, { recursive: true, force: true });
  }
});

it('notices a replica that has become the master, though no proof of life is missing in it', async () => {
  const flow = defineFlow({
    name: 'any',
    version: 1,
    input: z.unknown(),
    output: z.unknown(),
    run: async () => null,
  });
  const system = await startSystem([flow]);
  const replica = await startRedis();
  const proxy = await startTcpProxy(system.redis.port);
  const admin = new Redis(replica.url);
  const errors: string[] = [];
  try {
    await admin.replicaof('127.0.0.1', system.redis.port);
    await waitFor(async () => (await admin.info('replication')).includes('master_link_status:up'), {
      what: 'the replica to be there',
    });
    const log = { ...quietLog, error: (_facts: object, message: string) => void errors.push(message) };
    system.startWorker({ log, redisUrls: [proxy.url] });
    await waitFor(() => admin.get('{hf0}/canary'), { what: 'proofs of life' });
    await system.redis.kill('SIGKILL');
    await admin.replicaof('NO', 'ONE');
    proxy.leadTo(replica.port);
    await waitFor(() => errors.find((message) => message.includes('lost acknowledged writes')), {
      what: 'the promotion to be noticed',
    });
    expect(Number(await admin.get('{hf0}/rollback'))).toBeGreaterThan(0);
    // once
    const counted = Number(await admin.get('{hf0}/canary'));
    await waitFor(async () => Number(await admin.get('{hf0}/canary')) > counted + 2, { what: 'more proofs' });
    expect(errors).toHaveLength(1);
  } finally {
    await system.redis.start();
    await system.close();
    admin.disconnect();
    await proxy.close();
    await replica.stop();
  }
});

it('a Redis that was only restarted has lost nothing', async () => {
  const flow = defineFlow({
    name: 'any',
    version: 1,
    input: z.unknown(),
    output: z.unknown(),
    run: async () => null,
  });
  const system = await startSystem([flow]);
  try {
    system.startWorker();
    await waitFor(() => system.connection.get('{hf0}/canary'), { what: 'proofs of life' });
    await system.redis.kill('SIGTERM');
    await system.redis.start();
    const counted = Number(await system.connection.get('{hf0}/canary'));
    await waitFor(async () => Number(await system.connection.get('{hf0}/canary')) > counted + 2, {
      what: 'more proofs of life',
    });
    expect(await system.connection.get('{hf0}/rollback')).toBeNull();
  } finally {
    await system.close();
  }
});
