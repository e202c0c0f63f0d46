import { expect, it } from 'vitest';
import { RunWriter } from '../../src/drive/run-writer.ts';
import type { ClaimedRun, Entry, Journal, WriteReply } from '../../src/journal/journal.ts';
import type { StartedRecord } from '../../src/journal/step-record.ts';

/** A journal whose writes are answered by hand. */
function writerByHand() {
  const writes: { readonly fields: readonly string[]; answer(reply: WriteReply): void; fail(): void }[] = [];
  const journal: Pick<Journal, 'recordStep'> = {
    recordStep: (_run, entries: readonly Entry[]) =>
      new Promise((answer, fail) => {
        const fields = entries.map(({ field }) => field);
        writes.push({ fields, answer, fail: () => fail(new Error('the connection is closed')) });
      }),
  };
  const run = {
    records: new Map(),
    recordBytes: new Map(),
    noted: new Map(),
    now: 0,
  } as unknown as ClaimedRun;
  return { writer: new RunWriter(journal as Journal, run), writes };
}

const turn = () => new Promise(setImmediate);
const intent = (seq: number): StartedRecord => ({
  ...{ kind: 'started', seq, attempts: 1, startedAt: 0, budget: { redrive: 0, used: 0 }, keyAttempt: 1 },
});

it.each(['cancel_requested', 'stale_owner'] as const)(
  'those whose records travel together are all told that they were refused: %s',
  async (reply) => {
    const { writer, writes } = writerByHand();
    writer.hold('s:a', intent(1));
    const first = writer.flush();
    await turn();
    writer.hold('s:b', intent(2));
    const second = writer.flush();
    writer.hold('s:c', intent(3));
    const third = writer.flush();
    writes[0]?.answer('done');
    expect(await first).toBe('done');
    await turn();
    expect(writes.map(({ fields }) => fields)).toEqual([['s:a'], ['s:b', 's:c']]);
    writes[1]?.answer(reply);
    expect([await second, await third]).toEqual([reply, reply]);
  },
);

it('who was recorded is not told that a later write was refused', async () => {
  const { writer, writes } = writerByHand();
  writer.hold('s:a', intent(1));
  const first = writer.flush();
  await turn();
  writer.hold('s:b', intent(2));
  const second = writer.flush();
  writes[0]?.answer('done');
  expect(await first).toBe('done');
  await turn();
  writer.hold('s:c', intent(3));
  const third = writer.flush();
  writes[1]?.answer('cancel_requested');
  expect(await second).toBe('cancel_requested');
  await turn();
  writes[2]?.answer('cancel_requested');
  expect(await third).toBe('cancel_requested');
  expect(writes.map(({ fields }) => fields)).toEqual([['s:a'], ['s:b'], ['s:c']]);
  // nothing of its own to write: it must not start all the same
  expect(await writer.flush()).toBe('cancel_requested');
});

it('nothing is written that builds on a write that failed', async () => {
  const { writer, writes } = writerByHand();
  writer.hold('s:a', intent(1));
  const first = writer.flush();
  await turn();
  writer.hold('s:b', intent(2));
  const second = writer.flush();
  writes[0]?.fail();
  await expect(first).rejects.toThrow('closed');
  await expect(second).rejects.toThrow('closed');
  expect(writes).toHaveLength(1);
});
