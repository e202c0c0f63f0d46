import { crashAtRandom } from '@holdfast/testkit';
import { expect, it } from 'vitest';
import { drawInput, randomFlow, totalOf } from './random-flow.ts';

it('a hundred flows drawn at random come to what they must, under random crashes', async () => {
  const report = await crashAtRandom(randomFlow, {
    executions: 100,
    draw: drawInput,
    expect: ({ run, world }, { plan, fails }) => {
      const undone = new Set(world.effects.flatMap((e) => (e.undo ? [`${e.runId} ${e.step}`] : [])));
      const standing = world.effects.filter((e) => !e.undo && !undone.has(`${e.runId} ${e.step}`));
      const total = standing.reduce((sum, { result }) => sum + Number(result), 0);
      expect(total).toBe(fails ? 0 : totalOf(plan));
      if (fails) expect(run).toMatchObject({ status: 'failed', error: { code: 'no', step: 'last' } });
      else expect(run).toMatchObject({ status: 'completed', output: totalOf(plan) });
    },
  });
  console.log('random flows', JSON.stringify(report));
  expect(report.faults).toBeGreaterThan(50);
}, 60_000);
