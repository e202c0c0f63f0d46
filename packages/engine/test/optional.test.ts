import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  type FlowContext,
  InDoubtError,
  MisconfiguredError,
  RejectedError,
  UnavailableError,
} from '../src/index.ts';
import { type Cases, startCases } from './cases.ts';

let cases: Cases;
let seen: string[] = [];
beforeAll(async () => {
  cases = await startCases({ retryScale: 0.01 });
});
afterAll(() => cases.close());
beforeEach(() => {
  seen = [];
});

/** Pays, mails by an optional step, and goes on. */
const shop =
  (mail: () => unknown, more: object = {}) =>
  async (ctx: FlowContext) => {
    await ctx.step('pay', {
      run: async () => void seen.push('pay'),
      undo: async () => void seen.push('undo pay'),
      whenInDoubt: 'repeat',
    });
    const sent = await ctx.step('mail', {
      run: async () => {
        seen.push('mail');
        await mail();
        return 'sent';
      },
      whenInDoubt: 'halt',
      retry: { attempts: 2, first: '1s' },
      optional: true,
      ...more,
    });
    await ctx.sleep('5ms');
    await ctx.step('after', { run: async () => void seen.push('after'), whenInDoubt: 'repeat' });
    return { sent: sent ?? 'not sent' };
  };
const fails = (error: Error) => () => Promise.reject(error);
const about = { code: 'no', message: 'no mail today' };

async function runToItsEnd(flow: (ctx: FlowContext) => Promise<unknown>) {
  return cases.driveToItsEnd(await cases.submit(flow));
}

describe('an optional step', () => {
  it('that is done gives its result, and no warning', async () => {
    const run = await runToItsEnd(shop(() => {}));
    expect(run).toMatchObject({ status: 'completed', output: { sent: 'sent' }, warnings: [] });
  });

  it.each([
    ['refused', new RejectedError(about), 'no', 'rejected', 1],
    ['out of attempts', new UnavailableError(about), 'no', 'exhausted', 2],
    ['in doubt', new InDoubtError(about), 'no', 'in_doubt', 1],
  ])('that is %s is a warning, and the flow goes on', async (_what, error, code, kind, attempts) => {
    const run = await runToItsEnd(shop(fails(error)));
    expect(run).toMatchObject({
      status: 'completed',
      output: { sent: 'not sent' },
      warnings: [{ step: 'mail', code, kind, message: 'no mail today' }],
    });
    expect(run.steps).toMatchObject([
      { name: 'pay', status: 'completed' },
      { name: 'mail', status: 'failed', attempts },
      { name: 'after', status: 'completed' },
    ]);
    expect(seen).toEqual(['pay', ...Array(attempts).fill('mail'), 'after']);
  });

  it('is not repeated after its worker died with it: a warning says that nobody knows', async () => {
    let die: (() => void) | undefined;
    const died = new Promise<void>((resolve) => {
      die = resolve;
    });
    const runId = await cases.submit(
      shop(() => {
        die?.();
        return new Promise(() => {});
      }),
    );
    const dead = cases.newDriver();
    void dead.drive(runId).catch(() => {});
    await died;
    const run = await cases.driveToItsEnd(runId);
    expect(run).toMatchObject({
      status: 'completed',
      warnings: [{ step: 'mail', code: 'step_in_doubt', kind: 'in_doubt' }],
    });
    expect(seen).toEqual(['pay', 'mail', 'after']);
  });

  it('that is misconfigured stops the run, since somebody can put it right', async () => {
    const run = await runToItsEnd(shop(fails(new MisconfiguredError(about))));
    expect(run).toMatchObject({ status: 'dead', error: { kind: 'misconfigured', step: 'mail' } });
    expect(seen).toEqual(['pay', 'mail']);
  });

  it('that can be undone stops the run in doubt: a later undo would have to know', async () => {
    const undo = async () => void seen.push('undo mail');
    const run = await runToItsEnd(shop(fails(new InDoubtError(about)), { undo }));
    expect(run).toMatchObject({ status: 'dead', error: { kind: 'in_doubt', step: 'mail' } });
  });

  it('that came to nothing is not undone when the run fails later', async () => {
    const run = await runToItsEnd(async (ctx) => {
      await shop(fails(new RejectedError(about)), { undo: async () => void seen.push('undo mail') })(ctx);
      throw new RejectedError({ code: 'later', message: 'later' });
    });
    expect(run).toMatchObject({ status: 'failed', warnings: [{ step: 'mail', code: 'no' }] });
    expect(seen).toEqual(['pay', 'mail', 'after', 'undo pay']);
  });
});

it('a wait shows what has to be done first, until it is over', async () => {
  const nextAction = { type: 'redirect', url: 'https://bank.example/confirm' } as const;
  const runId = await cases.submit((ctx) => ctx.waitFor('settled', { timeout: '20ms', nextAction }));
  await cases.driver.drive(runId);
  expect((await cases.driver.read(runId))?.waits).toMatchObject([{ name: 'settled', nextAction }]);
  const run = await cases.driveToItsEnd(runId);
  expect(run.waits[0]).not.toHaveProperty('nextAction');
});
