import { type Facts, judge, outcomes, type Ran, type RunRecord } from '@holdfast/prove';
import { describe, expect, it } from 'vitest';
import { COMPLETED, FAILED, soundFacts } from './support/sound.ts';

/** Made-up runs that came to every outcome that a proof has to see; the oracle's rules are not what is tried with them. */
function everyOutcome(): Pick<Facts, 'runs' | 'acts'> {
  const base = soundFacts().runs.get(COMPLETED);
  if (!base) throw new Error('the sound facts have a completed run');
  const made: readonly Partial<RunRecord>[] = [
    {},
    { idempotencyKey: 'settles-later-1' },
    failed('order', 'card_declined'),
    failed('order', 'out_of_stock'),
    failed('order', 'invalid_address'),
    { status: 'cancelled' },
    { flow: 'payment' },
    failed('payment', 'card_declined'),
    { flow: 'refund' },
    { generation: 2 },
  ];
  return {
    runs: new Map(made.map((patch, i) => [`run-${i}`, { ...base, id: `run-${i}`, ...patch }])),
    acts: [{ kind: 'redrive', runId: 'run-0', at: 0, status: 202, generation: 1 }],
  };
}

function failed(flow: string, code: string): Partial<RunRecord> {
  return { flow, status: 'failed', error: { code, message: 'refused', kind: 'rejected' } };
}

const ran = (patch: Partial<Ran> = {}): Ran => ({
  facts: soundFacts(),
  ...{ sent: 4, accepted: 4, open: [] },
  landings: [{ kind: 'API killed', at: 1 }],
  planned: new Set(['API killed']),
  ...patch,
});

/** Why a proof proves nothing. */
function reasons(of: Ran): string {
  const verdict = judge(of);
  return verdict.kind === 'proves_nothing' ? verdict.reasons.join('\n') : verdict.kind;
}

describe('a violation', () => {
  it('is found in records that are sound but for one effect too many', () => {
    const facts = soundFacts();
    const charge = facts.ledger.find(({ operation }) => operation === 'charge');
    if (!charge) throw new Error('the sound facts have a charge');
    const verdict = judge(ran({ facts: { ...facts, ledger: [...facts.ledger, { ...charge, seq: 99 }] } }));
    expect(verdict).toMatchObject({ kind: 'violated' });
    expect(JSON.stringify(verdict)).toContain(`rule 4, the money is right: ${COMPLETED}: captured 2 times`);
  });

  it('counts though too little happened', () => {
    const runs = new Map([...soundFacts().runs].filter(([id]) => id !== FAILED));
    expect(judge(ran({ facts: { ...soundFacts(), runs }, landings: [], accepted: 0 })).kind).toBe('violated');
  });

  it('is a run that people could not end', () => {
    expect(JSON.stringify(judge(ran({ open: [FAILED] })))).toContain(`rule 19`);
  });

  it('is a step that was first called after a cancel was accepted', () => {
    const facts = soundFacts();
    const cancelled = facts.runs.get(FAILED);
    if (!cancelled) throw new Error('the sound facts have a failed run');
    const at = (cancelled.steps[0]?.startedAt ?? 0) + 1;
    const act = { kind: 'cancel', runId: FAILED, at, status: 202, generation: 1 } as const;
    const found = JSON.stringify(judge(ran({ facts: { ...facts, acts: [act] } })));
    expect(found).toContain(`${FAILED}: reserve was first called`);
    expect(found).not.toContain('charge was first called');
  });
});

describe('a proof in which too little happened', () => {
  it('is refused when nothing was sent', () => {
    expect(reasons(ran({ sent: 0, accepted: 0 }))).toContain('no request was sent');
  });

  it('is refused when fewer than 95 % were accepted', () => {
    expect(reasons(ran({ sent: 100, accepted: 94 }))).toContain('94 of 100 requests were accepted');
    expect(reasons(ran({ sent: 100, accepted: 95 }))).not.toContain('were accepted');
  });

  it('is refused when a planned fault did not take hold', () => {
    expect(reasons(ran({ landings: [] }))).toContain('no fault of this kind took hold: API killed');
    expect(reasons(ran())).not.toContain('took hold');
  });

  it('is refused when an outcome did not occur, and names each', () => {
    expect(reasons(ran())).toContain('no run came to this: paid back by a person');
    const seen = outcomes(everyOutcome());
    expect([...seen.values()].every((runs) => runs > 0)).toBe(true);
    for (const id of everyOutcome().runs.keys()) {
      if (id === 'run-0') continue; // runs of a later generation are orders that were fulfilled as well
      const { runs, acts } = everyOutcome();
      const without = new Map([...runs].filter(([each]) => each !== id));
      expect(
        [...outcomes({ runs: without, acts }).values()].filter((runs) => runs === 0),
        id,
      ).toHaveLength(1);
    }
    expect(outcomes({ ...everyOutcome(), acts: [] }).get('dead letter redriven by a person')).toBe(0);
  });
});
