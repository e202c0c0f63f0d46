import { isOver } from '../outside/records.ts';
import type { Facts, Rule } from './facts.ts';
import { OWN_FLOWS } from './own-flows.ts';

export const eventRules: readonly Rule[] = [
  { number: 16, name: 'a subscriber has heard of the end of every run, or of its death', broken: unheard },
  { number: 16, name: 'an event has one id, however often it comes', broken: severalIds },
];

function* unheard({ runs, heard }: Facts) {
  if (!heard) return;
  const known = new Set(heard.map(({ runId, generation, type }) => `${runId} ${generation} ${type}`));
  for (const { id, flow, generation, status } of runs.values()) {
    if (OWN_FLOWS.has(flow) || (!isOver(status) && status !== 'dead')) continue;
    if (!known.has(`${id} ${generation} run.${status}`))
      yield `${id} is ${status} in generation ${generation}, and its subscriber has not heard of it`;
  }
}

/** A death may come more than once in a generation. */
function* severalIds({ heard = [] }: Facts) {
  const ids = new Map<string, string>();
  for (const { id, runId, generation, type } of heard) {
    if (type === 'run.dead') continue;
    const event = `${type} of ${runId} in generation ${generation}`;
    const before = ids.get(event) ?? id;
    ids.set(event, before);
    if (before !== id) yield `${event} came as ${before} and as ${id}`;
  }
}
