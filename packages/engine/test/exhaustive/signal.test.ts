import { interruptEverywhere } from '@holdfast/testkit';
import { expect, it } from 'vitest';
import { down, first, flowOf } from './scenarios.ts';

it('a signal at every point is taken once, and costs the steps beside its wait nothing', async () => {
  const report = await interruptEverywhere(
    (p) =>
      flowOf('awaiting', async (ctx) => {
        await ctx.step('ask', p.step('ask'));
        const [answer] = await Promise.all([
          ctx.waitFor('answer', { timeout: '1h' }),
          ctx.step(
            'phone',
            p.step('phone', { helps: 'nothing', refuses: first(down, down), retry: { first: '50ms' } }),
          ),
        ]);
        await ctx.step('note', p.step('note', { body: JSON.stringify(answer) }));
        return answer;
      }),
    null,
    {
      sequence: ['ask', 'phone', 'note'],
      interrupt: (driver, runId) => driver.signal(runId, { id: 's1', name: 'answer', payload: 'yes' }),
      outside: async ({ run, driver }) => {
        if (run.status === 'suspended')
          await driver.signal(run.id, { id: 's1', name: 'answer', payload: 'yes' });
      },
      expect: ({ run }) => {
        expect(run).toMatchObject({ status: 'completed', output: 'yes' });
        expect(run.steps.map(({ name, attempts }) => [name, attempts])).toEqual([
          ['ask', 1],
          ['phone', 3],
          ['note', 1],
        ]);
      },
    },
  );
  console.log('a signal at every point', JSON.stringify(report));
}, 60_000);
