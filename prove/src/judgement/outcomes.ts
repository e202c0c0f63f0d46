import type { Facts } from '../oracle/facts.ts';
import type { RunRecord } from '../outside/records.ts';

type Holds = (run: RunRecord) => boolean;

const failedWith =
  (flow: string, ...codes: string[]): Holds =>
  (run) =>
    run.flow === flow && run.status === 'failed' && codes.includes(run.error?.code ?? '');

/** What a proof must have seen to mean anything. */
const OUTCOMES: readonly (readonly [name: string, holds: Holds])[] = [
  ['order fulfilled', ({ flow, status }) => flow === 'order' && status === 'completed'],
  [
    'order settled later',
    ({ idempotencyKey, status }) => /^settles-later-/.test(idempotencyKey) && status === 'completed',
  ],
  ['card declined', failedWith('order', 'card_declined')],
  ['out of stock, refunded', failedWith('order', 'out_of_stock')],
  ['invalid address, refunded', failedWith('order', 'invalid_address')],
  ['order cancelled by a person', ({ flow, status }) => flow === 'order' && status === 'cancelled'],
  ['payment made', ({ flow, status }) => flow === 'payment' && status === 'completed'],
  ['payment declined', failedWith('payment', 'card_declined')],
  ['paid back by a person', ({ flow, status }) => flow === 'refund' && status === 'completed'],
  ['started afresh by a person', ({ generation }) => generation > 1],
];

const REDRIVEN = 'dead letter redriven by a person';

/** How many runs came to each outcome. */
export function outcomes({ runs, acts }: Pick<Facts, 'runs' | 'acts'>): ReadonlyMap<string, number> {
  const redriven = acts.filter(({ kind, status }) => kind === 'redrive' && status === 202);
  return new Map([
    ...OUTCOMES.map(([name, holds]) => [name, [...runs.values()].filter(holds).length] as const),
    [REDRIVEN, new Set(redriven.map(({ runId }) => runId)).size] as const,
  ]);
}
