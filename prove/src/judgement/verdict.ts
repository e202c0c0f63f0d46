import type { Landing } from '../chaos/landings.ts';
import type { Facts } from '../oracle/facts.ts';
import { violations } from '../oracle/oracle.ts';
import { outcomes } from './outcomes.ts';

/** Everything that a proof has seen. */
export interface Ran {
  readonly facts: Facts;
  /** How many requests were sent, but for those that were refused by rights, and how many of them were acknowledged in the end. */
  readonly sent: number;
  readonly accepted: number;
  readonly landings: readonly Landing[];
  /** Kinds of faults that had to take hold. */
  readonly planned: ReadonlySet<string>;
  /** Runs that are not over, whatever people did. */
  readonly open: readonly string[];
}

export type Verdict =
  | { readonly kind: 'held' }
  | { readonly kind: 'violated'; readonly violations: readonly string[] }
  /** Nothing is wrong with what happened; too little happened to say so. */
  | { readonly kind: 'proves_nothing'; readonly reasons: readonly string[] };

const ACCEPTED_AT_LEAST = 0.95;

/** A violation counts whatever else happened; without one, a proof in which too little happened proves nothing. */
export function judge(ran: Ran): Verdict {
  const found = [
    ...violations(ran.facts),
    ...ran.open.map(
      (id) => `rule 19, every dead run can be ended by people: ${id} is not over, whatever they did`,
    ),
  ];
  if (found.length > 0) return { kind: 'violated', violations: found };
  const reasons = [...tooLittle(ran)];
  return reasons.length > 0 ? { kind: 'proves_nothing', reasons } : { kind: 'held' };
}

function* tooLittle({ facts, sent, accepted, landings, planned }: Ran) {
  if (sent === 0) yield 'no request was sent';
  else if (accepted / sent < ACCEPTED_AT_LEAST) {
    yield `${accepted} of ${sent} requests were accepted, less than ${ACCEPTED_AT_LEAST * 100} %`;
  }
  for (const kind of planned) {
    if (!landings.some((landing) => landing.kind === kind)) yield `no fault of this kind took hold: ${kind}`;
  }
  for (const [name, runs] of outcomes(facts)) {
    if (runs === 0) yield `no run came to this: ${name}`;
  }
}
