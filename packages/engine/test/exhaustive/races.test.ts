import {
  type Actor,
  type Backstage,
  type Providers,
  type RaceOptions,
  raceInEveryOrder,
} from '@holdfast/testkit';
import { expect, it } from 'vitest';
import { down, first, flowOf, no, operate, unclear, untilDue } from './scenarios.ts';

async function race(
  name: string,
  flow: Parameters<typeof raceInEveryOrder>[0],
  options: RaceOptions<unknown>,
  moreThan = 5,
) {
  const report = await raceInEveryOrder(flow, null, options);
  console.log(name, JSON.stringify(report));
  expect(report.orders).toBeGreaterThan(moreThan);
}

const plain = (p: Providers) => flowOf('plain', (ctx) => ctx.step('pay', p.step('pay')));

const waiting = (timeout: '1h' | 20) => (p: Providers) =>
  flowOf('waiting', async (ctx) => {
    await ctx.step('ask', p.step('ask'));
    return ctx.waitFor('answer', { timeout });
  });

const dying = (p: Providers) =>
  flowOf('dying', async (ctx) => {
    await ctx.step('pay', p.step('pay'));
    await ctx.step('ship', p.step('ship', { refuses: first(down), retry: { attempts: 1 } }));
  });

const doubtful = (p: Providers) =>
  flowOf('doubtful', async (ctx) => {
    await ctx.step('pay', p.step('pay'));
    await ctx.step('phone', p.step('phone', { helps: 'nothing', refuses: first(unclear) }));
  });

const once =
  (flow: string): Actor =>
  (driver) =>
    driver.deliver(flow);

const signal: Actor = (driver, runId) => driver.signal(runId, { id: 's1', name: 'answer', payload: 'yes' });
const cancel: Actor = (driver, runId) => driver.cancel(runId);
const redrive: Actor = (driver, runId) => driver.redrive(runId);
const rerun: Actor = (driver, runId) => driver.rerun(runId);

/** The engine's scripts and the promotion: the rest of BullMQ is between them anyway. */
const SCRIPTS = /-(run|step|signal|compensation|alarm|alarms)$|promote|addStandardJob/;

it(
  'a signal and the parking of its run',
  () =>
    race('signal × park', waiting('1h'), {
      actors: { worker: once('waiting'), signaller: signal },
      expect: ({ run }, { signaller }) => {
        expect(run).toMatchObject({ status: 'completed', output: 'yes' });
        expect(signaller).toBe('delivered');
      },
    }),
  60_000,
);

it(
  'a signal and the time-out of its wait',
  () =>
    race('signal × time-out', waiting(20), {
      prepare: async (driver, runId) => {
        await driver.deliver('waiting');
        await untilDue(driver, runId);
      },
      actors: { worker: once('waiting'), signaller: signal },
      expect: ({ run }, { signaller }) => {
        if (run.status === 'failed') return expect(run.error.code).toBe('signal_timeout');
        expect(run).toMatchObject({ status: 'completed', output: 'yes' });
        expect(signaller).toBe('delivered');
      },
    }),
  60_000,
);

it(
  'a cancel and the end of its run',
  () =>
    race('cancel × finish', plain, {
      actors: { worker: once('plain'), canceller: cancel },
      expect: ({ run }, { canceller }) => {
        expect(['completed', 'cancelled']).toContain(run.status);
        if (canceller === 'cancelling') expect(run.status).toBe('cancelled');
        else expect([run.status, canceller]).toEqual(['completed', 'run_finished']);
      },
    }),
  60_000,
);

it(
  'a cancel and the parking of its run',
  () =>
    race('cancel × park', waiting('1h'), {
      actors: { worker: once('waiting'), canceller: cancel },
      expect: ({ run }) => expect(run.status).toBe('cancelled'),
    }),
  60_000,
);

it(
  'a cancel and a signal for a parked run',
  () =>
    race('cancel × signal', waiting('1h'), {
      prepare: once('waiting'),
      actors: { canceller: cancel, signaller: signal },
      expect: ({ run }) => expect(run.status).toBe('cancelled'),
    }),
  60_000,
);

it(
  'two redrives of a dead run',
  () =>
    race('redrive × redrive', dying, {
      prepare: once('dying'),
      actors: { one: redrive, other: redrive },
      expect: ({ run }, { one, other }) => {
        expect(run.status).toBe('completed');
        expect([one, other].toSorted()).toEqual(['not_dead', 'redriven']);
      },
    }),
  60_000,
);

it(
  'a redrive and a cancel of a dead run',
  () =>
    race('redrive × cancel', dying, {
      prepare: once('dying'),
      actors: { redriver: redrive, canceller: cancel },
      expect: ({ run }, { canceller }) => {
        expect(canceller).toBe('cancelling');
        expect(run.status).toBe('cancelled');
      },
    }),
  60_000,
);

it(
  'a redrive and the burial of its run',
  () =>
    race('redrive × bury', dying, {
      actors: { worker: once('dying'), redriver: redrive },
      outside: operate,
      expect: ({ run }) => expect(run.status).toBe('completed'),
    }),
  60_000,
);

it.each([
  ['the same', null, ['created', 'created']],
  ['another', 'other', ['created', 'refused']],
])(
  'two requests with one key and %s body',
  (_what, otherInput, outcomes) => {
    const submit =
      (input: unknown): Actor =>
      async (driver) => {
        const contract = plain({} as Providers);
        return driver.submit(contract, input, 'the-key').then(
          () => 'created',
          () => 'refused',
        );
      };
    return race(
      `create × create, ${_what} body`,
      plain,
      {
        actorsSubmit: true,
        actors: { one: submit(null), other: submit(otherInput) },
        expect: ({ runs, run }, { one, other }) => {
          expect(runs).toHaveLength(1);
          expect(run.status).toBe('completed');
          expect([one, other].toSorted()).toEqual(outcomes);
        },
      },
      // one script makes the run and its job, so there are few orders
      2,
    );
  },
  60_000,
);

/** A worker has claimed the run and dies in the middle of its effect. */
async function dieAtWork(runId: string, { driver, crash }: Backstage): Promise<void> {
  const dying = await driver('dying worker');
  void dying.deliver('held');
  for (;;) {
    if ((await dying.read(runId))?.status === 'running') break;
  }
  await crash('dying worker');
}

let holding = false;
const held = (p: Providers) =>
  flowOf('held', (ctx) => {
    const step = p.step('pay');
    const run: typeof step.run = (call) => (holding ? new Promise(() => {}) : step.run(call));
    return ctx.step('pay', { ...step, run });
  });

it(
  'a sweeper that takes a run over and a worker that gets it from BullMQ',
  () =>
    race('reissue × claim', held, {
      prepare: async (_driver, runId, backstage) => {
        holding = true;
        await dieAtWork(runId, backstage);
        holding = false;
      },
      actors: {
        sweeper: async (driver) => {
          await driver.sweep();
          await driver.sweep();
        },
        worker: async (driver, runId, { store, flows }) => {
          // a claim by hand stands for the delivery of the first job once its lock has run out
          const verdict = await driver.drive(runId);
          await store.redeliver(flows);
          return verdict;
        },
      },
      gated: /reissue|claim|finish|addStandardJob|hmget/,
      expect: ({ run }) => expect(run.status).toBe('completed'),
    }),
  60_000,
);

it(
  'an owner that comes back and the one that took its run',
  () =>
    race('finish × stale finish', plain, {
      actors: {
        owner: (driver, runId) => driver.drive(runId),
        taker: (driver, runId) => driver.drive(runId),
      },
      expect: ({ run }) => expect(run.status).toBe('completed'),
    }),
  60_000,
);

it(
  'an owner that undoes and the one that took its run',
  () =>
    race(
      'undo × stale undo',
      (p) =>
        flowOf('undone', async (ctx) => {
          await ctx.step('pay', p.step('pay'));
          await ctx.step('ship', p.step('ship', { refuses: () => no }));
        }),
      {
        actors: {
          owner: (driver, runId) => driver.drive(runId),
          taker: (driver, runId) => driver.drive(runId),
        },
        gated: SCRIPTS,
        expect: ({ run }) => expect(run.status).toBe('failed'),
      },
    ),
  60_000,
);

it(
  'two reruns of a completed run',
  () =>
    race('rerun × rerun', plain, {
      prepare: once('plain'),
      actors: { one: rerun, other: rerun },
      expect: ({ run, world }) => {
        expect(run).toMatchObject({ status: 'completed', generation: 2 });
        expect(world.effects).toHaveLength(2);
      },
    }),
  60_000,
);

it(
  'an answer to what is in doubt and a redrive',
  () =>
    race('resolve × redrive', doubtful, {
      prepare: once('doubtful'),
      outside: operate,
      actors: {
        person: (driver, runId) => driver.resolve(runId, { step: 'phone', outcome: 'did_not_happen' }),
        redriver: redrive,
      },
      expect: ({ run }) => expect(run.status).toBe('completed'),
    }),
  60_000,
);

const parent = (p: Providers) =>
  flowOf('parent', async (ctx) => {
    await ctx.step('start', p.step('start'));
    return ctx.runChild('part', { flow: plain(p), input: null });
  });

it(
  'the end of a child and the cancel of its parent',
  () =>
    race('child end × parent cancel', parent, {
      children: (p) => [plain(p)],
      prepare: once('parent'),
      actors: { worker: once('plain'), canceller: cancel },
      gated: SCRIPTS,
      expect: ({ run, runs }) => {
        expect(run.status).toBe('cancelled');
        for (const { status } of runs) expect(['completed', 'cancelled']).toContain(status);
      },
    }),
  60_000,
);

it(
  'the end of a child and the parking of its parent',
  () =>
    race('child end × parent park', parent, {
      children: (p) => [plain(p)],
      prepare: once('parent'),
      actors: {
        worker: once('plain'),
        other: async (driver, runId) => {
          await driver.signal(runId, { id: 'noise', name: 'noise', payload: null });
          await driver.deliver('parent');
        },
      },
      gated: /claim|suspend|deliver-signal|promote|moveToDelayed/,
      expect: ({ run }) => expect(run.status).toBe('completed'),
    }),
  60_000,
);
