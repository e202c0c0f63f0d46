/**
 * The names that are more than names: each is formatted and parsed here and in `lua/lib/identity.lua`, and nowhere else.
 *
 * | what | form |
 * |---|---|
 * | owner of a run | `<epoch>:<worker id>.<n>`; behind a `-` once that owner has released the run |
 * | job of a run | the run's id; `<run id>.r<n>` after the first |
 * | letter of a dead run | `<run id>.d<n>`, its n-th death |
 * | record of a run | `s:` step, `u:` undo, `t:` timer, `w:` wait, `c:` child, `b:` callback, `r:` reference, `v:` access to state, `e:` event that it raised, and its name |
 * | callback of a run | `<name>#<n>`, the n-th of that name; the signal that completes it is `callback:<name>#<n>`, which no other signal can be called |
 * | access to state | `get:<name>#<n>` or `set:<name>#<n>`, the n-th of that kind |
 * | reference that a run registers | `<kind>:<id>` |
 * | which callback has an id | `k:` and a hash of the id |
 * | idempotency key of a step's calls | `<run id>:<generation>:<step>`, then `:undo` of an undo, then `:<n>` after the first key |
 * | undo of a child run | the child's name behind `child.`, as is the signal that tells of its end |
 */

const PREFIX = {
  step: 's:',
  undo: 'u:',
  timer: 't:',
  wait: 'w:',
  child: 'c:',
  callback: 'b:',
  reference: 'r:',
  state: 'v:',
  event: 'e:',
} as const;

export type RecordKind = keyof typeof PREFIX;

const KINDS = new Map<string, RecordKind>(
  Object.entries(PREFIX).map(([kind, prefix]) => [prefix, kind as RecordKind]),
);

/** The run's field that holds a record. */
export function fieldOf(kind: RecordKind, name: string): string {
  return PREFIX[kind] + name;
}

/** @returns undefined when the field holds no record. */
export function parseField(field: string): { readonly kind: RecordKind; readonly name: string } | undefined {
  const kind = field[1] === ':' ? KINDS.get(field.slice(0, 2)) : undefined;
  return kind && { kind, name: field.slice(2) };
}

/** True for the records of what a run does to the outside: steps and child runs. */
export function isEffectField(field: string): boolean {
  return field.startsWith(PREFIX.step) || field.startsWith(PREFIX.child);
}

/** The key that a step's calls go under. */
export function keyOf(call: {
  readonly runId: string;
  readonly generation: number;
  readonly step: string;
  readonly undo: boolean;
  readonly keyAttempt?: number | undefined;
}): string {
  const { runId, generation, step, undo, keyAttempt = 1 } = call;
  return `${runId}:${generation}:${step}${undo ? ':undo' : ''}${keyAttempt > 1 ? `:${keyAttempt}` : ''}`;
}

/** The key as it stands in ids, paths and Message-IDs. */
export function referenceOf(key: string): string {
  return key.replaceAll(':', '.');
}

const CHILD = 'child.';

/** The name of the undo of a step or child run: the two may have the same name, their undos do not. */
export function undoNameOf(effectField: string): string {
  const { kind, name } = parseField(effectField) ?? { kind: 'step', name: effectField };
  return kind === 'child' ? CHILD + name : name;
}

/** The field of the undo of a step or child run. */
export function undoFieldOf(effectField: string): string {
  return fieldOf('undo', undoNameOf(effectField));
}

/** The field of the step or child run that an undo belongs to. */
export function effectFieldOf(undoField: string): string {
  const name = parseField(undoField)?.name ?? undoField;
  return name.startsWith(CHILD) ? fieldOf('child', name.slice(CHILD.length)) : fieldOf('step', name);
}

/** The name of the step or child run that an undo belongs to. */
export function effectNameOf(undoName: string): string {
  return undoName.startsWith(CHILD) ? undoName.slice(CHILD.length) : undoName;
}

/** The signal by which a child tells its parent that it ended. */
export function childSignal(name: string): string {
  return CHILD + name;
}

/** @returns the child's name; undefined for any other signal */
export function childOfSignal(signal: string): string | undefined {
  return signal.startsWith(CHILD) ? signal.slice(CHILD.length) : undefined;
}

/** True for names that only the engine's own signals have. */
export function isReservedSignal(name: string): boolean {
  return name.startsWith(CHILD);
}

const CALLBACK = 'callback:';

/** The n-th callback of a name. @param n from 1 */
export function nthCallback(name: string, n: number): string {
  return `${name}#${n}`;
}

/** The signal by which a callback is completed, and its id; also the name of the wait for it. */
export function callbackSignal(callback: string): string {
  return CALLBACK + callback;
}

/** @returns the name that the flow gave the callback; undefined for any other signal */
export function callbackOfSignal(signal: string): string | undefined {
  return signal.startsWith(CALLBACK) ? signalOfWait(signal.slice(CALLBACK.length)) : undefined;
}

/** The field that says which of a run's callbacks has an id with this hash. */
export function callbackIndexField(hash: string): string {
  return `k:${hash}`;
}

/** The field of a reference by which others know what a run is about. */
export function referenceFieldOf(kind: string, id: string): string {
  return fieldOf('reference', `${kind}:${id}`);
}

/** The field of the n-th time that a run reads or changes a value of the state. @param n from 1 */
export function stateFieldOf(access: 'get' | 'set', name: string, n: number): string {
  return fieldOf('state', `${access}:${name}#${n}`);
}

/** The field of the n-th wait for a signal. @param n from 1 */
export function waitFieldOf(signal: string, n: number): string {
  return fieldOf('wait', `${signal}#${n}`);
}

/** The signal that a wait is for. @param name the wait's, as in its field */
export function signalOfWait(name: string): string {
  return name.replace(/#\d+$/, '');
}

/** The n-th sleep of a run. @param n from 1 */
export function sleepName(n: number): string {
  return `sleep-${n}`;
}

/** True when the owner has released the run by itself. */
export function hasLetGo(owner: string): boolean {
  return owner.startsWith('-');
}

/** @returns undefined for a run that nobody has claimed yet, or that was taken from its owner */
export function workerOf(owner: string): string | undefined {
  return /^-?\d+:(.+)\.\d+$/.exec(owner)?.[1];
}

/** True for the first owner that a run has ever had. */
export function isFirstOwner(owner: string): boolean {
  return owner.startsWith('1:');
}

export function runIdOfJob(jobId: string): string {
  return jobId.replace(/\.r\d+$/, '');
}

/** A run may die several times, and each death has a letter of its own. */
export function letterIdOf(runId: string, death: number): string {
  return `${runId}.d${death}`;
}
