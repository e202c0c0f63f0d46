import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Ran } from './judgement/verdict.ts';
import { runIdIn } from './outside/records.ts';

/** What is known of a run: its record, its effects, the calls made for it, what its client and people did. */
export function traceOf({ facts }: Ran, id: string): object {
  return {
    run: facts.runs.get(id),
    ledger: facts.ledger.filter(({ reference }) => runIdIn(reference) === id),
    calls: facts.calls.filter(({ key }) => runIdIn(key ?? '') === id),
    acts: facts.acts.filter(({ runId }) => runId === id),
    asked: facts.asked.filter(({ answer }) => answer.kind === 'accepted' && answer.run.id === id),
    jobs: facts.store.jobs.filter(({ runId }) => runId === id),
  };
}

/** @returns the ids of runs that violations name, in order */
export function runsNamedIn(violations: readonly string[]): string[] {
  return [...new Set(violations.flatMap((text) => text.match(/run_[0-9a-f]{32}/g) ?? []))];
}

/** Writes the trace of every run that a violation names, and every fault. @returns the file */
export function writeEvidence(home: string, ran: Ran, violations: readonly string[], seed: number): string {
  const file = join(home, 'evidence.json');
  const { landings } = ran;
  const { crashes, promotions, resumed } = ran.facts;
  const traces = runsNamedIn(violations).map((id) => traceOf(ran, id));
  writeFileSync(
    file,
    JSON.stringify({ seed, violations, landings, crashes, promotions, resumed, traces }, null, 1),
  );
  return file;
}
