import {
  defineFlow,
  type Flow,
  type FlowContext,
  InDoubtError,
  RejectedError,
  ThrottledError,
  UnavailableError,
} from '@holdfast/engine';
import type { Driver } from '@holdfast/engine/testing';
import { type CrashOptions, type OutsideScene, type Providers, waitFor } from '@holdfast/testkit';
import { expect } from 'vitest';
import { z } from 'zod';

/** A flow with all that crashEverywhere is told about it. */
export interface Case {
  readonly flow: (providers: Providers) => Flow;
  readonly options: CrashOptions<unknown>;
}

export const down = new UnavailableError({ code: 'down', message: 'it is down' });
export const full = new ThrottledError({ code: 'full', message: 'slow down', retryAfter: 2 });
export const unclear = new InDoubtError({ code: 'unclear', message: 'it may have happened' });
export const no = new RejectedError({ code: 'no', message: 'no', settlesDoubt: true });

export function flowOf(name: string, run: (ctx: FlowContext, input: unknown) => Promise<unknown>): Flow {
  return defineFlow({ name, version: 1, input: z.unknown(), output: z.unknown(), run });
}

/** Refuses a key's first calls, one after the other, then does it. */
export function first(...refusals: readonly Error[]): (nth: number) => Error | undefined {
  return (nth) => refusals[nth - 1];
}

/** What a person does with a dead run: says what happened when that is not known, else lets it go on. */
export async function operate({ run, driver, world }: OutsideScene): Promise<void> {
  if (run.status !== 'dead') return;
  const doubt = run.steps.find(({ status }) => status === 'in_doubt');
  if (run.error.kind !== 'in_doubt' || !doubt) return void (await driver.redrive(run.id));
  const effect = world
    .effectsOf(run.id)
    .find((e) => e.step === doubt.name && !e.undo && e.generation === run.generation);
  await driver.resolve(run.id, {
    step: doubt.name,
    ...(effect ? { outcome: 'happened', result: effect.result } : { outcome: 'did_not_happen' }),
  });
}

const completed =
  (output?: unknown): CrashOptions<unknown>['expect'] =>
  ({ run }) => {
    expect(run.status).toBe('completed');
    if (output !== undefined) expect(run).toMatchObject({ output });
  };

const failed =
  (code: string): CrashOptions<unknown>['expect'] =>
  ({ run }) =>
    expect(run).toMatchObject({ status: 'failed', error: { code } });

const done = (step: string) => ({ done: step });

export const steps: Record<string, Case> = {
  'steps of every kind': {
    flow: (p) =>
      flowOf('steps', async (ctx) => [
        await ctx.step('pay', p.step('pay')),
        await ctx.step('ship', p.step('ship', { helps: 'look_up' })),
        await ctx.step('phone', p.step('phone', { helps: 'nothing' })),
        await ctx.step('mail', p.step('mail')),
      ]),
    options: {
      sequence: ['pay', 'ship', 'phone', 'mail'],
      outside: operate,
      expect: completed([done('pay'), done('ship'), done('phone'), done('mail')]),
    },
  },
  retries: {
    flow: (p) =>
      flowOf('retries', async (ctx) => {
        const retry = { first: '50ms' } as const;
        await ctx.step('pay', p.step('pay', { refuses: first(full, unclear), retry }));
        await ctx.step('ship', p.step('ship', { helps: 'look_up', refuses: first(unclear), retry }));
        await ctx.step('phone', p.step('phone', { helps: 'nothing', refuses: first(down), retry }));
      }),
    options: { sequence: ['pay', 'ship', 'phone'], outside: operate, expect: completed(null) },
  },
  'a fallback after a refusal, undone': {
    flow: (p) =>
      flowOf('fallback', async (ctx) => {
        await ctx.fallback('pay', [p.step('pay', { refuses: () => no }), p.step('pay-2')]);
        await ctx.step('ship', p.step('ship', { refuses: () => no }));
      }),
    options: { sequence: ['pay-2', 'ship'], expect: failed('no') },
  },
  'a fallback from a provider that stays down': {
    flow: (p) =>
      flowOf('fallback-down', async (ctx) => {
        const first = p.step('pay', { helps: 'look_up', refuses: () => down, retry: { attempts: 2 } });
        return ctx.fallback('pay', [first, p.step('pay-2', { helps: 'nothing' })]);
      }),
    options: { outside: operate, expect: completed(done('pay-2')) },
  },
  compensation: {
    flow: (p) =>
      flowOf('compensation', async (ctx) => {
        await ctx.step('pay', p.step('pay', { undo: { refuses: first(down) } }));
        await ctx.step('reserve', p.step('reserve', { helps: 'look_up' }));
        await ctx.step('note', p.step('note', { undo: false }));
        await ctx.step('ship', p.step('ship', { refuses: () => no }));
      }),
    options: {
      sequence: ['pay', 'reserve', 'note', 'ship'],
      irreversible: ['note'],
      expect: failed('no'),
    },
  },
  'an optional step': {
    flow: (p) =>
      flowOf('optional', async (ctx) => {
        await ctx.step('pay', p.step('pay'));
        try {
          await ctx.step('gift', p.step('gift', { refuses: () => no }));
        } catch (error) {
          if (!(error instanceof RejectedError)) throw error;
          await ctx.step('sorry', p.step('sorry', { body: error.code }));
        }
        return ctx.step('ship', p.step('ship', { helps: 'look_up' }));
      }),
    options: { sequence: ['pay', 'sorry', 'ship'], expect: completed(done('ship')) },
  },
  'a provider that stays down': {
    flow: (p) =>
      flowOf('down', async (ctx) => {
        await ctx.step('pay', p.step('pay'));
        await ctx.step('ship', p.step('ship', { refuses: () => down, retry: { attempts: 2 } }));
      }),
    options: {
      sequence: ['pay', 'ship'],
      expect: ({ run, faults }) => {
        expect(run).toMatchObject({
          status: 'dead',
          error: { code: expect.stringMatching(/down|lost/), step: 'ship' },
        });
        // a worker that died before the payment was recorded can not have begun to ship
        const paying = faults.every(({ point }) => point.index < 3);
        if (paying) expect(run).toMatchObject({ error: { kind: 'exhausted' } });
      },
    },
  },
  'a bug': {
    flow: (p) =>
      flowOf('buggy', async (ctx) => {
        await ctx.step('pay', p.step('pay'));
        throw new TypeError('a mistake');
      }),
    options: {
      expect: ({ run }) =>
        expect(run).toMatchObject({ status: 'dead', error: { kind: 'bug', code: 'type_error' } }),
    },
  },
};

function callbackIn(url: unknown): string {
  return String(url).split('/').at(-1) ?? '';
}

/** Until what the run waits for is due by itself. */
export async function untilDue(driver: Driver, runId: string): Promise<void> {
  const run = await driver.read(runId);
  const until = run?.status === 'suspended' ? run.waitingFor.until : undefined;
  if (until === undefined) throw new Error(`${runId} waits for nothing that comes by itself`);
  await waitFor(() => Date.now() > until, { what: `${runId} to be due` });
}

export const waits: Record<string, Case> = {
  'a sleep, with draws': {
    flow: (p) =>
      flowOf('sleep', async (ctx) => {
        const drawn = [ctx.uuid(), ctx.random()];
        await ctx.step('before', p.step('before', { body: drawn }));
        await ctx.sleep(15);
        await ctx.step('after', p.step('after', { body: [...drawn, ctx.uuid()] }));
      }),
    options: { sequence: ['before', 'after'], expect: completed(null) },
  },
  'a late signal': {
    flow: (p) =>
      flowOf('late', async (ctx) => {
        await ctx.step('ask', p.step('ask'));
        const answer = await ctx.waitFor('answer', { timeout: '1h' });
        return ctx.step('note', p.step('note', { body: JSON.stringify(answer) }));
      }),
    options: {
      sequence: ['ask', 'note'],
      outside: async ({ run, driver }) => {
        if (run.status === 'suspended')
          await driver.signal(run.id, { id: 's1', name: 'answer', payload: { yes: true } });
      },
      expect: completed(done('note')),
    },
  },
  'early signals, one of them invalid': {
    flow: (p) =>
      flowOf('early', async (ctx) => {
        const wait = () => ctx.waitFor('count', { schema: z.number() });
        await ctx.step('ask', p.step('ask'));
        const refused = await wait().catch((error: unknown) => error instanceof RejectedError && error.code);
        const taken = await wait();
        await ctx.step('note', p.step('note', { body: taken }));
        return [refused, taken, await wait()];
      }),
    options: {
      sequence: ['ask', 'note'],
      atOnce: async (driver, runId) => {
        await driver.signal(runId, { id: 's1', name: 'count', payload: 'one' });
        await driver.signal(runId, { id: 's2', name: 'count', payload: 2 });
      },
      outside: async ({ run, driver }) => {
        if (run.status === 'suspended') await driver.signal(run.id, { id: 's3', name: 'count', payload: 3 });
      },
      expect: completed(['signal_invalid', 2, 3]),
    },
  },
  'a callback that is completed': {
    flow: (p) =>
      flowOf('callback', async (ctx) => {
        const callback = await ctx.callback('approval', {
          timeout: '1h',
          schema: z.object({ by: z.string() }),
        });
        await ctx.step('ask', p.step('ask', { body: callback.url }));
        const { by } = await callback.wait();
        return ctx.step('note', p.step('note', { body: by }));
      }),
    options: {
      sequence: ['ask', 'note'],
      outside: async ({ run, driver, world }) => {
        if (run.status !== 'suspended') return;
        const id = callbackIn(world.effects.find(({ step }) => step === 'ask')?.body);
        const completed = await driver.completeCallback(id, { result: { by: 'ada' } });
        // once somebody has cancelled the run, nobody can complete it
        const { events } = (await driver.read(run.id)) ?? run;
        const isCancelled = events.some(({ kind }) => kind === 'cancel_requested');
        expect(isCancelled ? ['completed', 'repeated', 'unknown'] : ['completed', 'repeated']).toContain(
          completed,
        );
      },
      expect: completed(done('note')),
    },
  },
  'callbacks before they are waited for, one of them refused': {
    flow: (p) =>
      flowOf('callbacks', async (ctx) => {
        const [first, second] = [await ctx.callback('answer'), await ctx.callback('answer')];
        await ctx.step('ask', p.step('ask', { body: [first.id, second.id] }));
        const refused = await first
          .wait()
          .catch((error: unknown) => error instanceof RejectedError && error.code);
        return [refused, await second.wait()];
      }),
    options: {
      outside: async ({ run, driver, world }) => {
        if (run.status !== 'suspended') return;
        const [first, second] = z.array(z.string()).parse(world.effects[0]?.body);
        await driver.completeCallback(String(second), { result: null });
        await driver.completeCallback(String(first), { error: { code: 'not_now', message: 'later' } });
      },
      expect: completed(['not_now', null]),
    },
  },
  'a callback that is not completed': {
    flow: (p) =>
      flowOf('uncalled', async (ctx) => {
        const callback = await ctx.callback('answer', { timeout: 15 });
        await ctx.step('ask', p.step('ask', { body: callback.id }));
        await callback.wait();
      }),
    options: { expect: failed('callback_timeout') },
  },
  'a reference by which a signal finds its run': {
    flow: (p) =>
      flowOf('correlated', async (ctx) => {
        await ctx.step('pay', p.step('pay'));
        await ctx.correlate('payment', 'p-1');
        await ctx.correlate('payment', 'p-1');
        const paid = await ctx.waitFor('paid');
        return ctx.step('note', p.step('note', { body: JSON.stringify(paid) }));
      }),
    options: {
      sequence: ['pay', 'note'],
      outside: async ({ run, driver }) => {
        if (run.status !== 'suspended') return;
        const found = await driver.correlatedRun(['payment', 'p-1'], run.id);
        expect(found).toBe(run.id);
        await driver.signal(String(found), { id: 's1', name: 'paid', payload: 7 });
      },
      expect: completed(done('note')),
    },
  },
  'somebody who waits for a reference to be registered': {
    flow: (p) =>
      flowOf('awaited', async (ctx) => {
        await ctx.step('pay', p.step('pay'));
        await ctx.correlate('payment', 'p-1');
        await ctx.waitFor('correlated');
        return ctx.step('note', p.step('note'));
      }),
    options: {
      sequence: ['pay', 'note'],
      // the run waits for itself
      atOnce: async (driver, runId) => {
        await driver.correlatedRun(['payment', 'p-1'], runId);
      },
      expect: completed(done('note')),
    },
  },
  'state that is read and changed': {
    flow: (p) =>
      flowOf('counted', async (ctx) => {
        const count = ctx.state<number>('count');
        await ctx.step('pay', p.step('pay'));
        await count.set(((await count.get()) ?? 0) + 1);
        await ctx.step('ship', p.step('ship', { helps: 'look_up' }));
        await count.set(((await count.get()) ?? 0) + 1);
        return count.get();
      }),
    options: { sequence: ['pay', 'ship'], expect: completed(2) },
  },
  'state that is changed beside steps': {
    flow: (p) =>
      flowOf('beside', async (ctx) => {
        const branch = async (name: string) => {
          await ctx.step(name, p.step(name));
          await ctx.state(name).set(ctx.uuid());
          return ctx.step(`${name}-2`, p.step(`${name}-2`, { body: ctx.uuid() }));
        };
        await Promise.all([branch('a'), branch('b')]);
        return (await ctx.state('a').get()) !== (await ctx.state('b').get());
      }),
    options: { sequence: ['a', 'a-2'], expect: completed(true) },
  },
  'state that somebody else has changed': {
    flow: (p) =>
      flowOf('contended', async (ctx) => {
        const count = ctx.state<number>('count');
        let known = (await count.get()) ?? 0;
        await ctx.waitFor('go');
        const conflicts: string[] = [];
        for (;;) {
          await ctx.step(`try-${conflicts.length}`, p.step(`try-${conflicts.length}`));
          try {
            await count.set(known + 1);
            return [conflicts.length > 0 && conflicts[0], await count.get()];
          } catch (error) {
            if (!(error instanceof RejectedError)) throw error;
            conflicts.push(error.code);
            known = (await count.get()) ?? 0;
          }
        }
      }),
    options: {
      sequence: ['try-0', 'try-1'],
      outside: async ({ run, driver }) => {
        if (run.status !== 'suspended') return;
        await driver.writeState('count', 10);
        await driver.signal(run.id, { id: 's1', name: 'go', payload: null });
      },
      expect: completed(['state_conflict', 11]),
    },
  },
  'an event of its own': {
    flow: (p) =>
      flowOf('emits', async (ctx) => {
        await ctx.step('pay', p.step('pay'));
        await ctx.emit('order.paid', { by: ctx.uuid() });
        await ctx.step('ship', p.step('ship'));
        await Promise.all([ctx.emit('order.shipped'), ctx.emit('order.paid')]);
        return ctx.uuid() !== '';
      }),
    options: { sequence: ['pay', 'ship'], expect: completed(true) },
  },
  'a signal that does not come': {
    flow: (p) =>
      flowOf('silent', async (ctx) => {
        await ctx.step('ask', p.step('ask'));
        await ctx.waitFor('answer', { timeout: 15 });
      }),
    options: { expect: failed('signal_timeout') },
  },
  'parallel steps': {
    flow: (p) =>
      flowOf('parallel', async (ctx) => {
        const branch = async (name: string) => {
          await ctx.step(`${name}-1`, p.step(`${name}-1`));
          if (name === 'b') await ctx.sleep(5);
          return ctx.step(
            `${name}-2`,
            p.step(`${name}-2`, { helps: 'look_up', refuses: first(...(name === 'c' ? [down] : [])) }),
          );
        };
        await Promise.all([branch('a'), branch('b'), branch('c')]);
        return ctx.step('last', p.step('last'));
      }),
    options: {
      sequence: ['a-1', 'a-2', 'last'],
      expect: completed(done('last')),
    },
  },
  'steps in doubt beside each other': {
    flow: (p) =>
      flowOf('doubts', async (ctx) => {
        const retry = { first: '50ms' } as const;
        await Promise.all([
          ctx.step('one', p.step('one', { refuses: first(unclear), retry })),
          ctx.step('two', p.step('two', { refuses: first(unclear), retry })),
        ]);
        return ctx.step('last', p.step('last'));
      }),
    options: { sequence: ['two', 'last'], expect: completed(done('last')) },
  },
  'a rejected step beside others': {
    flow: (p) =>
      flowOf('forked', async (ctx) => {
        await ctx.step('base', p.step('base'));
        await Promise.all([
          ctx.step('good', p.step('good', { helps: 'look_up' })),
          ctx.step('bad', p.step('bad', { refuses: () => no })),
          ctx.step('slow', p.step('slow', { refuses: first(down) })),
        ]);
      }),
    options: { expect: failed('no') },
  },
};

const childOf = (p: Providers, refuses?: Error) =>
  flowOf('child', async (ctx, input) => {
    await ctx.step('one', p.step('one', { body: JSON.stringify(input) }));
    await ctx.sleep(3);
    return ctx.step(
      'two',
      p.step('two', { helps: 'look_up', refuses: refuses ? () => refuses : () => undefined }),
    );
  });

const parentOf = (p: Providers, child: Flow) =>
  flowOf('parent', async (ctx) => {
    await ctx.step('start', p.step('start'));
    const result = await ctx.runChild('part', { flow: child, input: { n: 1 } });
    await ctx.step('end', p.step('end'));
    return result;
  });

export const children: Record<string, Case> = {
  'a child that completes': {
    flow: (p) => parentOf(p, childOf(p)),
    options: { children: (p) => [childOf(p)], sequence: ['start', 'end'], expect: completed(done('two')) },
  },
  'a child that fails': {
    flow: (p) => parentOf(p, childOf(p, no)),
    options: {
      children: (p) => [childOf(p, no)],
      expect: ({ run, runs }) => {
        expect(run).toMatchObject({ status: 'failed', error: { code: 'child_failed' } });
        expect(runs.map(({ status }) => status)).toEqual(['failed', 'failed']);
      },
    },
  },
  'a child that is cancelled with its parent': {
    flow: (p) => parentOf(p, waitingChild(p)),
    options: {
      children: (p) => [waitingChild(p)],
      outside: async ({ run, driver }) => {
        if (run.status === 'suspended') await driver.cancel(run.id);
      },
      expect: ({ runs }) => expect(runs.map(({ status }) => status)).toEqual(['cancelled', 'cancelled']),
    },
  },
};

function waitingChild(p: Providers): Flow {
  return flowOf('waiting', async (ctx) => {
    await ctx.step('one', p.step('one'));
    await ctx.waitFor('never');
  });
}

export const operators: Record<string, Case> = {
  redrive: {
    flow: (p) =>
      flowOf('redriven', async (ctx) => {
        await ctx.step('pay', p.step('pay'));
        await ctx.step('ship', p.step('ship', { refuses: first(down, down, down), retry: { attempts: 2 } }));
      }),
    options: { sequence: ['pay', 'ship'], outside: operate, expect: completed(null) },
  },
  'a person says what happened': {
    flow: (p) =>
      flowOf('halted', async (ctx) => {
        await ctx.step('pay', p.step('pay'));
        await ctx.step('phone', p.step('phone', { helps: 'nothing', refuses: first(unclear) }));
      }),
    options: { sequence: ['pay', 'phone'], outside: operate, expect: completed(null) },
  },
  rerun: {
    flow: (p) =>
      flowOf('rerun', async (ctx) => {
        await ctx.step('pay', p.step('pay'));
        await ctx.sleep(2);
        await ctx.step('ship', p.step('ship', { helps: 'look_up' }));
      }),
    options: {
      outside: async ({ run, driver }) => {
        if (run.status === 'completed' && run.generation === 1) await driver.rerun(run.id);
      },
      expect: ({ run, world }) => {
        expect(run).toMatchObject({ status: 'completed', generation: 2 });
        expect(world.effects.map(({ generation, step }) => `${generation} ${step}`)).toEqual([
          '1 pay',
          '1 ship',
          '2 pay',
          '2 ship',
        ]);
      },
    },
  },
  'an undo that is refused, then redriven': {
    flow: (p) =>
      flowOf('stuck', async (ctx) => {
        await ctx.step('pay', p.step('pay'));
        await ctx.step('reserve', p.step('reserve', { undo: { refuses: first(no) } }));
        await ctx.step('ship', p.step('ship', { refuses: () => no }));
      }),
    options: { outside: operate, expect: failed('no') },
  },
  'a dead run that is cancelled': {
    flow: (p) =>
      flowOf('hopeless', async (ctx) => {
        await ctx.step('pay', p.step('pay'));
        await ctx.step('ship', p.step('ship', { refuses: () => down, retry: { attempts: 2 } }));
      }),
    options: {
      outside: async (scene) => {
        const { run, driver } = scene;
        if (run.status !== 'dead') return;
        await (run.error.kind === 'in_doubt' ? operate(scene) : driver.cancel(run.id));
      },
      expect: ({ run }) => expect(run.status).toBe('cancelled'),
    },
  },
  'a sleeping run that is cancelled': {
    flow: (p) =>
      flowOf('asleep', async (ctx) => {
        await ctx.step('pay', p.step('pay'));
        await ctx.sleep('1h');
      }),
    options: {
      outside: async ({ run, driver }) => {
        if (run.status === 'suspended') await driver.cancel(run.id);
      },
      expect: ({ run }) => expect(run.status).toBe('cancelled'),
    },
  },
};

export const all: Record<string, Case> = { ...steps, ...waits, ...children, ...operators };
