import { REFUND_STEPS, type RunRecord, STEPS, type Standing, type StepShape } from '../outside/records.ts';
import type { ProviderCall } from '../outside/witness.ts';
import type { Facts, Rule } from './facts.ts';

/** What workers did on the wire, call by call, against what the journal had recorded at that moment. */
export const callRules: readonly Rule[] = [
  { number: 7, name: 'one key until a definite no, never with another body', broken: wrongKeys },
  {
    number: 8,
    name: 'a step begins after the one before it was recorded; undo in reverse',
    broken: tooEarly,
  },
  { number: 9, name: 'no call after its record', broken: tooLate },
  { number: 10, name: 'a record never changes', broken: changedRecords },
  { number: 17, name: 'no more calls than attempts, crashes and lost answers explain', broken: tooMany },
  { number: 17, name: 'Retry-After is kept', broken: tooSoon },
];

/** Clocks are read in two processes. */
const CLOCKS_DIFFER_BY_MS = 10;
/** A call is written down when the witness reads it: its sender may have been killed since it sent it. */
const READ_LATE_BY_MS = 1_000;

/** Calls of one effect: a step of a run, or its undo. */
interface Series {
  readonly runId: string;
  readonly generation: number;
  /** All steps of the flow. */
  readonly steps: readonly StepShape[];
  readonly step: StepShape;
  readonly undo: boolean;
  readonly calls: readonly ProviderCall[];
}

function* wrongKeys(facts: Facts) {
  const sentWith = new Map<string, ProviderCall>();
  for (const call of facts.calls) {
    const { key, operation, body } = call;
    if (key === null || !parseKey(call)) {
      yield `a call of ${operation} carried the key ${key}, which does not name its run and step`;
      continue;
    }
    const first = sentWith.get(key) ?? call;
    sentWith.set(key, first);
    if (first.body !== body) yield `key ${key} was sent with ${first.body} and with ${body}`;
  }
  for (const { runId, step, undo, calls } of series(facts)) {
    for (const [i, { key, ending }] of calls.entries()) {
      const next = calls[i + 1];
      if (!next || next.key === key) continue;
      const refused = ending.kind === 'answered' && ending.status >= 400;
      const happened = facts.ledger.some((effect) => effect.idempotencyKey === key);
      const again = calls.slice(i + 1).some((later) => later.key === key);
      if (!refused || happened || again) {
        yield `${runId}: ${nameOf(step, undo)} was called with ${key} and then with ${next.key}, without a definite no`;
      }
    }
  }
}

function* tooEarly(facts: Facts) {
  for (const { runId, generation, steps, step, undo, calls } of series(facts)) {
    const at = steps.indexOf(step);
    for (const { seen, at: calledAt } of calls) {
      if (mayBeLate(facts, calledAt, seen, generation)) continue;
      if (!seen) {
        yield `${runId}: ${nameOf(step, undo)} was called, and the journal knew of no such run`;
      } else if (undo) {
        const later = steps
          .slice(at + 1)
          .find(({ name, undo: hasUndo }) => hasUndo && statusOf(seen, name) === 'completed');
        if (later) yield `${runId}: ${nameOf(step, undo)} was called before ${later.name} was undone`;
        if (statusOf(seen, step.name) !== 'completed') {
          yield `${runId}: ${nameOf(step, undo)} was called, and the step was ${statusOf(seen, step.name)}`;
        }
      } else {
        const before = steps[at - 1];
        if (before && statusOf(seen, before.name) !== 'completed') {
          yield `${runId}: ${step.name} was called while ${before.name} was ${statusOf(seen, before.name)}`;
        }
      }
    }
  }
}

function* tooLate(facts: Facts) {
  for (const { runId, generation, step, undo, calls } of series(facts)) {
    for (const { seen, at } of calls) {
      if (mayBeLate(facts, at, seen, generation)) continue;
      const status = seen && statusOf(seen, step.name);
      const over = undo ? status === 'compensated' : status !== undefined && RECORDED.has(status);
      if (over) yield `${runId}: ${nameOf(step, undo)} was called after it was recorded as ${status}`;
    }
  }
}

/** The call of a worker that had its run taken away while it stood still: it notices with its next write, not before. */
function mayBeLate({ resumed }: Facts, at: number, seen: Standing | undefined, generation: number): boolean {
  const justResumed = resumed.some((then) => at >= then && at - then < READ_LATE_BY_MS);
  return justResumed || (seen !== undefined && seen.generation > generation);
}

const RECORDED: ReadonlySet<string> = new Set(['completed', 'failed', 'compensated']);

function* changedRecords(facts: Facts) {
  const first = new Map<string, string>();
  for (const { runId, standing } of standings(facts)) {
    for (const { name } of [...STEPS, ...REFUND_STEPS]) {
      const step = standing.steps.find((each) => each.name === name);
      const id = `${runId} ${standing.generation} ${name}`;
      const before = first.get(id);
      const now = step && recordOf(step);
      if (now && before === undefined) first.set(id, now);
      else if (before !== undefined && now !== before) {
        yield `${id} was recorded as ${before}, and later as ${now ?? step?.status ?? 'nothing'}`;
      }
    }
  }
}

/** What must stay of a step's record, whatever becomes of the run; undefined before there is one. */
function recordOf({ status, attempts, startedAt }: Standing['steps'][number]): string | undefined {
  if (status !== 'completed' && status !== 'compensated') return undefined;
  return `completed in attempt ${attempts}, started at ${startedAt}`;
}

/** How runs were seen, in the order of time. */
function* standings({ calls, runs }: Facts): Iterable<{ runId: string; standing: Standing }> {
  for (const call of calls) {
    const runId = parseKey(call)?.runId;
    if (runId && call.seen) yield { runId, standing: call.seen };
  }
  for (const run of runs.values()) yield { runId: run.id, standing: run };
}

function* tooMany(facts: Facts) {
  const crashes = facts.crashes.filter(({ part }) => part !== 'api');
  const crashed = (from: number, to: number) =>
    crashes.some(({ at, until = at }) => until >= from && at <= to);
  for (const { runId, generation, step, undo, calls } of series(facts)) {
    for (const [i, call] of calls.entries()) {
      const next = calls[i + 1];
      const { ending } = call;
      const answered = ending.kind === 'answered' && ending.status < 300;
      if (next && answered && !crashed(call.at - READ_LATE_BY_MS, next.at)) {
        yield `${runId}: ${nameOf(step, undo)} was called again ${next.at - ending.at} ms after it was answered ${ending.status}`;
      }
    }
    const run = facts.runs.get(runId);
    const allowed =
      run && !undo && run.generation === generation
        ? attemptsOf(run, step.name) + crashes.length
        : Number.POSITIVE_INFINITY;
    if (calls.length > allowed) {
      yield `${runId}: ${step.name} was called ${calls.length} times, in ${allowed} attempts and crashes`;
    }
  }
}

function* tooSoon(facts: Facts) {
  for (const { runId, step, undo, calls } of series(facts)) {
    for (const [i, { ending }] of calls.entries()) {
      const next = calls[i + 1];
      if (!next || ending.kind !== 'answered' || ending.retryAfterMs === undefined) continue;
      const early = ending.at + ending.retryAfterMs - next.at;
      if (early > CLOCKS_DIFFER_BY_MS) {
        yield `${runId}: ${nameOf(step, undo)} was called ${early} ms before its Retry-After of ${ending.retryAfterMs} ms was over`;
      }
    }
  }
}

function series({ calls }: Facts): Series[] {
  const byEffect = new Map<string, Series & { calls: ProviderCall[] }>();
  for (const call of calls) {
    const key = parseKey(call);
    if (!key) continue;
    const id = `${key.runId} ${key.generation} ${call.operation} ${key.undo}`;
    const found = byEffect.get(id) ?? { ...key, calls: [] };
    found.calls.push(call);
    byEffect.set(id, found);
  }
  return [...byEffect.values()];
}

/** @returns undefined for a key that is not of the form that the design gives it */
function parseKey({ key, operation }: ProviderCall): Omit<Series, 'calls'> | undefined {
  const parsed = /^(run_[0-9a-f]{32}):(\d+):([a-z]+)(:undo)?(?::\d+)?$/.exec(key ?? '');
  const undo = parsed?.[4] !== undefined;
  for (const steps of [STEPS, REFUND_STEPS]) {
    const step = steps.find(
      (each) => each.name === parsed?.[3] && operation === (undo ? each.undo : each.effect),
    );
    if (parsed?.[1] && step) {
      return { runId: parsed[1], generation: Number(parsed[2]), steps, step, undo };
    }
  }
  return undefined;
}

function statusOf({ steps }: Standing, name: string): string | undefined {
  return steps.find((step) => step.name === name)?.status;
}

function attemptsOf(run: RunRecord, name: string): number {
  return run.steps.find((step) => step.name === name)?.attempts ?? 0;
}

function nameOf({ name }: Series['step'], undo: boolean): string {
  return undo ? `the undo of ${name}` : name;
}
