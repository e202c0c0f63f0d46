import { isOver } from '@holdfast/prove';
import { expect, it } from 'vitest';
import { placeMany } from './load.ts';
import { type Killed, useTestSystem } from './system.ts';

const system = useTestSystem({ workers: 2 });

/** Holds that the kill came in the middle: of runs, and of clients' requests. */
async function expectInTheMiddle(kills: readonly Killed[], name: string): Promise<void> {
  const { runs } = await system().facts();
  for (const { at } of kills) {
    const caught = [...runs.values()].filter((run) => run.createdAt < at && run.updatedAt > at);
    expect(caught.filter(({ status }) => isOver(status)).length).toBeGreaterThan(0);
    const later = [...runs.values()].filter(
      (run) => run.idempotencyKey.startsWith(name) && run.createdAt > at,
    );
    expect(later.length).toBeGreaterThan(0);
  }
}

function unanswered(name: string): number {
  return system().shop.log.filter(({ key, answer }) => key.startsWith(name) && answer.kind === 'unknown')
    .length;
}

it('loses nothing that was acknowledged when Redis is killed under load', async () => {
  const kills: Killed[] = [];
  const statuses = await placeMany(system(), 'redis', { 30: () => kills.push(system().kill('redis')) });
  expect(new Set(statuses)).toEqual(new Set(['completed', 'failed']));
  expect(unanswered('redis')).toBeGreaterThan(0);
  await expectInTheMiddle(kills, 'redis');
  expect(await system().violations()).toEqual([]);
});

it('makes one run of each order when the API is killed under load', async () => {
  const kills: Killed[] = [];
  const statuses = await placeMany(system(), 'api', { 30: () => kills.push(system().kill('api')) });
  expect(new Set(statuses)).toEqual(new Set(['completed', 'failed']));
  expect(unanswered('api')).toBeGreaterThan(0);
  await expectInTheMiddle(kills, 'api');
  expect(await system().violations()).toEqual([]);
});

it('finishes every order when one worker after the other is killed under load', async () => {
  const [first, second] = system().processes().workers;
  if (!first || !second) throw new Error('there should be two workers');
  const kills: Killed[] = [];
  const statuses = await placeMany(system(), 'workers', {
    30: () => kills.push(system().kill('workers', [first.pid])),
    60: () => kills.push(system().kill('workers', [second.pid])),
  });
  expect(new Set(statuses)).toEqual(new Set(['completed', 'failed']));
  await expectInTheMiddle(kills, 'workers');
  expect(await system().violations()).toEqual([]);
});
