import {
  type Actor,
  crashEverywhere,
  type OutsideScene,
  type Providers,
  raceInEveryOrder,
} from '@holdfast/testkit';
import { expect, it } from 'vitest';
import { isTerminal } from '../../src/index.ts';
import { flowOf } from './scenarios.ts';

const plain = (p: Providers) => flowOf('plain', (ctx) => ctx.step('pay', p.step('pay')));

/** A person resumes what is found to be held back, and what was paused too late for it. */
async function resumeHeldBack({ run, driver }: OutsideScene): Promise<void> {
  const heldBack = run.status === 'suspended' && run.waitingFor.kind === 'paused';
  if (heldBack || isTerminal(run.status)) await driver.resume();
}

const worker: Actor = (driver) => driver.deliver('plain');
const pause: Actor = (driver) => driver.pause();
const resume: Actor = (driver) => driver.resume();

async function race(
  name: string,
  actors: Readonly<Record<string, Actor>>,
  prepare?: Actor,
  ends = 'completed',
) {
  const report = await raceInEveryOrder(plain, null, {
    ...{ actors, outside: resumeHeldBack },
    ...(prepare && { prepare }),
    expect: ({ run, world }) => {
      expect(run.status).toBe(ends);
      expect(world.effects).toHaveLength(ends === 'completed' ? 1 : 0);
    },
  });
  console.log(name, JSON.stringify(report));
  expect(report.orders).toBeGreaterThan(5);
}

it('a pause and the claim of a run', () => race('pause × claim', { worker, pause }), 60_000);

it('a resume and the claim of a run', () => race('resume × claim', { worker, resume }, pause), 60_000);

it(
  'a resume and the sweep that wakes what it left',
  () =>
    race(
      'resume × sweep',
      { resume, sweeper: (driver) => driver.sweep() },
      async (driver, runId, backstage) => {
        await pause(driver, runId, backstage);
        await worker(driver, runId, backstage);
      },
    ),
  60_000,
);

it(
  'a resume and the cancel of a run that is held back',
  () =>
    race(
      'resume × cancel',
      { resume, canceller: (driver, runId) => driver.cancel(runId) },
      async (driver, runId, backstage) => {
        await pause(driver, runId, backstage);
        await worker(driver, runId, backstage);
      },
      'cancelled',
    ),
  60_000,
);

it('a crash at every point, from the pause to the end of a run that it held back', async () => {
  const report = await crashEverywhere(plain, null, {
    atOnce: (driver) => driver.pause(),
    outside: resumeHeldBack,
    pairs: 10,
    expect: ({ run, world }) => {
      expect(run.status).toBe('completed');
      expect(world.effects).toHaveLength(1);
    },
  });
  console.log('pause:', JSON.stringify(report));
  expect(report.executions).toBeGreaterThan(20);
}, 120_000);
