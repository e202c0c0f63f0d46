import { runScript } from '@holdfast/redis';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import { defineFlow } from '../src/index.ts';
import { loadScript } from '../src/journal/scripts.ts';
import { startSystem, type TestSystem } from './system.ts';

const echo = defineFlow({
  name: 'echo',
  version: 1,
  input: z.number(),
  output: z.number(),
  run: (ctx, n) => ctx.step('only', { run: async () => n, whenInDoubt: 'repeat' }),
});

let system: TestSystem;
beforeAll(async () => {
  system = await startSystem([echo]);
  system.startWorker();
});
afterAll(() => system.close());

it('accepts and finishes runs after a SCRIPT FLUSH', async () => {
  await system.runWith(await system.submit(echo, 1), 'completed');
  for (let n = 2; n <= 11; n += 1) {
    await system.connection.script('FLUSH');
    const run = await system.runWith(await system.submit(echo, n), 'completed');
    expect(run.output).toBe(n);
  }
});

it('what is sent in one turn leaves in one write, at the end of that turn', async () => {
  const { stream } = system.connection;
  const moveAlarm = loadScript('move-alarm');
  const send = () => runScript(system.connection, moveAlarm, ['{hf0}/run/none', '{hf0}/alarms'], ['none', 0]);
  const sent = [send(), send(), send()];
  expect(stream.writableCorked).toBe(1);
  await new Promise((resolve) => process.nextTick(resolve));
  expect(stream.writableCorked).toBe(0);
  expect(await Promise.all(sent)).toEqual(['removed', 'removed', 'removed']);
});
