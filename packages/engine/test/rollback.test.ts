import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { waitFor } from '@holdfast/testkit';
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
    await waitFor(() => errors.some((message) => message.includes('lost writes')), {
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
