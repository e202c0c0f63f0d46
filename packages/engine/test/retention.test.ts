import { afterAll, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import { defineFlow, type Retention } from '../src/index.ts';
import { keys } from '../src/testing.ts';
import { startSystem, type TestSystem } from './system.ts';

const flowKept = (name: string, retention?: Retention) =>
  defineFlow({
    ...{ name, version: 1, input: z.unknown(), output: z.unknown(), ...(retention && { retention }) },
    run: async () => null,
  });
const plain = flowKept('plain');
const own = flowKept('own', '30d');
const polite = flowKept('polite', { unlessSet: '400d' });

let system: TestSystem;
beforeAll(async () => {
  system = await startSystem([plain, own, polite]);
});
afterAll(() => system.close());

const DAY = 24 * 60 * 60 * 1_000;

it.each([
  ['nothing is said for all', undefined, { plain: 7, own: 30, polite: 400 }],
  ['90 days are said for all', '90d' as const, { plain: 90, own: 30, polite: 90 }],
])('how long runs are kept where %s', async (_what, retention, days) => {
  const worker = system.startWorker(retention ? { retention } : {});
  try {
    for (const flow of [plain, own, polite]) {
      const runId = await system.submit(flow, null);
      await system.runWith(runId, 'completed');
      const leftMs = await system.connection.pttl(keys.run(runId));
      expect([flow.name, Math.ceil(leftMs / DAY)]).toEqual([flow.name, days[flow.name as keyof typeof days]]);
    }
  } finally {
    await worker.close('1s');
  }
});

it('a retention that is no duration is refused where the flow is defined', () => {
  expect(() => flowKept('none', '5 moons' as Retention)).toThrow('not a duration');
  expect(() => flowKept('none', { unlessSet: '0s' })).toThrow('a retention of 0');
});
