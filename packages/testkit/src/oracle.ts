import { isDeepStrictEqual } from 'node:util';
import { isTerminal, type Run, type StepState } from '@holdfast/engine';
import { decodeRecord } from '@holdfast/engine/testing';
import type { Store } from './store.ts';
import type { World } from './world.ts';

/** What is judged: where an execution came to rest, and what happened on the way. */
export interface Evidence {
  readonly runs: readonly Run[];
  readonly world: World;
  readonly store: Store;
  readonly flows: readonly string[];
  /** Steps that have no undo. */
  readonly irreversible: readonly string[];
  /** Steps that only ask. */
  readonly looks: readonly string[];
  readonly crashes: number;
  /** Calls in doubt while the process lived. */
  readonly unknowns: number;
}

/** @returns what is not as it must be after any chaos once it has healed; nothing when all is well */
export async function judge(evidence: Evidence): Promise<string[]> {
  const { runs, world, store } = evidence;
  const violations = [...world.violations];
  for (const run of runs) {
    const { records } = await store.journal(run.id);
    violations.push(
      ...judgeEffects(run, records, evidence),
      ...judgeCalls(run, evidence),
      ...judgeHistory(run, evidence),
      ...judgeJournal(run, records, evidence),
      ...(await judgeStore(run, evidence)),
    );
  }
  for (const { runId, key } of world.effects) {
    if (!runs.some(({ id }) => id === runId)) violations.push(`effect ${key} belongs to no run`);
  }
  for (const tenant of new Set(runs.map((run) => run.tenant))) {
    const listed = await store.listed(tenant);
    const own = runs.filter((run) => run.tenant === tenant);
    const dead = own.filter(({ status }) => status === 'dead');
    if (!sameIds(listed.runs, own)) violations.push(`the list of runs names ${listed.runs.join(', ')}`);
    if (!sameIds(listed.dead, dead)) violations.push(`the list of the dead names ${listed.dead.join(', ')}`);
  }
  for (const key of await store.keysWithoutEnd()) {
    if (!belongsToUnfinished(key, runs)) violations.push(`key ${key} is kept for ever`);
  }
  return violations;
}

type Records = ReadonlyMap<string, string>;

/** Each effect once, undone once, and as the run's status says. */
function judgeEffects(run: Run, records: Records, { world, irreversible, looks }: Evidence): string[] {
  const violations: string[] = [];
  const say = (what: string) => violations.push(`run ${run.id} (${run.status}): ${what}`);
  const effects = world.effectsOf(run.id);
  const times = new Map<string, number>();
  for (const effect of effects) {
    const { generation, step, undo } = effect;
    const what = `${generation}:${step}${undo ? ':undo' : ''}`;
    times.set(what, (times.get(what) ?? 0) + 1);
    if (undo && !step.startsWith('child.') && !times.has(`${generation}:${step}`))
      say(`${what} without having been done`);
  }
  for (const [what, count] of times) {
    if (count > 1) say(`${what} happened ${count} times`);
  }
  const own = effects.filter(({ generation }) => generation === run.generation);
  for (const { step, undo } of own) {
    if (!undo && !records.has(`s:${step}`)) say(`"${step}" happened and the run does not know of it`);
  }
  for (const step of run.steps) {
    if (records.has(`c:${step.name}`) || looks.includes(step.name)) continue;
    // an optional step of which nobody knows: a warning says so
    if (run.warnings.some((warning) => warning.step === step.name && warning.kind === 'in_doubt')) continue;
    const done = own.some((effect) => effect.step === step.name && !effect.undo);
    const undone = own.some((effect) => effect.step === step.name && effect.undo);
    const fault = judgeStep(run, step, { done, undone, irreversible: irreversible.includes(step.name) });
    if (fault) say(`step "${step.name}" is ${step.status}, ${fault}`);
  }
  return violations;
}

function judgeStep(
  run: Run,
  step: StepState,
  effect: { readonly done: boolean; readonly undone: boolean; readonly irreversible: boolean },
): string | undefined {
  const { done, undone, irreversible } = effect;
  switch (step.status) {
    case 'completed':
      if (!done) return 'but it did not happen';
      if (run.status === 'completed') return undone ? 'but it was undone' : undefined;
      if (isTerminal(run.status)) return irreversible ? undefined : 'but it should have been undone';
      return undefined;
    case 'compensated':
      return done && undone && run.status !== 'completed' ? undefined : `done: ${done}, undone: ${undone}`;
    case 'failed':
      return done ? 'but it happened' : undefined;
    case 'in_doubt':
      // what nobody could undo anyway is left as it is when a run is undone
      return isTerminal(run.status) && (run.status === 'completed' || !irreversible)
        ? 'though the run has ended'
        : undefined;
    case 'running':
    case 'waiting':
      return isTerminal(run.status) ? 'though the run has ended' : undefined;
  }
}

/** No more calls than there were attempts, crashes and losses. */
function judgeCalls(run: Run, { world, crashes, unknowns }: Evidence): string[] {
  const violations: string[] = [];
  const calls = world.calls.filter(
    (call) => call.runId === run.id && call.generation === run.generation && !call.undo,
  );
  for (const step of run.steps) {
    const count = calls.filter((call) => call.step === step.name).length;
    if (count > step.attempts + crashes + unknowns)
      violations.push(
        `run ${run.id}: "${step.name}" was called ${count} times in ${step.attempts} attempts with ${crashes} crashes and ${unknowns} losses`,
      );
  }
  return violations;
}

/** Every call that reached a provider is in the run's history, under its key. */
function judgeHistory(run: Run, { world }: Evidence): string[] {
  const told = new Map<string, number>();
  for (const event of run.events) {
    if (event.kind === 'call') told.set(event.key, (told.get(event.key) ?? 0) + 1);
  }
  const made = new Map<string, number>();
  for (const { runId, generation, key } of world.calls) {
    if (runId === run.id && generation === run.generation) made.set(key, (made.get(key) ?? 0) + 1);
  }
  return [...made].flatMap(([key, count]) =>
    (told.get(key) ?? 0) < count
      ? [`${key} was called ${count} times, its history has ${told.get(key) ?? 0}`]
      : [],
  );
}

/** What is recorded is what the providers answered, and undo ran in the reverse order of the records. */
function judgeJournal(run: Run, records: Records, { world }: Evidence): string[] {
  const violations: string[] = [];
  const effects = world.effectsOf(run.id).filter(({ generation }) => generation === run.generation);
  const order = new Map<string, number>();
  for (const [field, text] of records) {
    const record = decodeRecord(text);
    if (!field.startsWith('s:') || record.kind !== 'completed') continue;
    const step = field.slice(2);
    order.set(step, record.seq);
    const effect = effects.find((each) => each.step === step && !each.undo);
    if (effect && !isDeepStrictEqual(effect.result, record.result))
      violations.push(
        `run ${run.id}: "${step}" answered ${JSON.stringify(effect.result)}, recorded is ${text}`,
      );
  }
  const undone = effects.flatMap(({ undo, step }) => (undo && order.has(step) ? [step] : []));
  const reversed = undone.toSorted((a, b) => (order.get(b) ?? 0) - (order.get(a) ?? 0));
  if (!isDeepStrictEqual(undone, reversed))
    violations.push(
      `run ${run.id}: undone in the order ${undone.join(', ')} instead of ${reversed.join(', ')}`,
    );
  return violations;
}

/** One live job for a live run and none for a finished one, an alarm for every unfinished one, an end for every finished one. */
async function judgeStore(run: Run, { store, flows }: Evidence): Promise<string[]> {
  const violations: string[] = [];
  const say = (what: string) => violations.push(`run ${run.id} (${run.status}): ${what}`);
  const jobs = await store.jobsOf(run.id, flows);
  const alarm = await store.alarmInMs(run.id);
  const forgotten = await store.forgottenInMs(run.id);
  if (isTerminal(run.status)) {
    if (alarm !== undefined) say('has an alarm left');
    if (forgotten === undefined) say('is kept for ever');
  } else {
    if (alarm === undefined) say('has no alarm');
    if (forgotten !== undefined) say(`is forgotten in ${forgotten} ms`);
  }
  if (isTerminal(run.status) || run.status === 'dead') {
    if (jobs.size > 0) say(`has jobs left: ${[...jobs.keys()].join(', ')}`);
  } else if (jobs.size !== 1 || jobs.get((await store.currentJob(run.id)) ?? '') !== 'delayed') {
    say(`is parked with the jobs ${JSON.stringify([...jobs])}`);
  }
  const deaths = await store.deathsOf(run.id);
  for (let death = 1; death <= deaths; death += 1) {
    const present = run.status === 'dead' && death === deaths;
    if ((await store.hasLetter(run.id, death)) !== present)
      say(present ? 'has no letter' : `still has the letter of its death ${death}`);
  }
  return violations;
}

function sameIds(ids: readonly string[], runs: readonly Run[]): boolean {
  return isDeepStrictEqual(ids.toSorted(), runs.map(({ id }) => id).toSorted());
}

function belongsToUnfinished(key: string, runs: readonly Run[]): boolean {
  if (/:(wait|active|delayed|failed|completed|prioritized)$/.test(key)) return true;
  return runs.some(({ id, status }) => key.includes(id) && !isTerminal(status));
}
