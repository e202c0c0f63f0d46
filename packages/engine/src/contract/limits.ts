/** What one run may hold. Past a limit it is dead at once, with the step and the size in the reason. */
export const LIMITS = {
  /** A run's input, as JSON. */
  inputBytes: 256 * 1024,
  /** One step's result, one signal's payload, or the output, as JSON. */
  resultBytes: 256 * 1024,
  /** All results of a run together. */
  journalBytes: 4 * 1024 * 1024,
  /** Steps, timers and waits of a run together. */
  records: 1_000,
  /** What is kept of the calls that a run's steps made, as JSON: past it, calls are counted and not kept. */
  historyBytes: 512 * 1024,
  /** What a flow gives with an event, as JSON. */
  eventBytes: 64 * 1024,
  /** A value of a tenant's state, as JSON. */
  stateBytes: 64 * 1024,
  /** Signals of a run that no wait has taken yet. */
  signals: 1_000,
  /** Their payloads together, as JSON. */
  signalBytes: 4 * 1024 * 1024,
} as const;

/** Something does not fit into what a run may hold. */
export class TooLargeError extends RangeError {
  constructor(
    readonly code:
      | 'input_too_large'
      | 'result_too_large'
      | 'journal_too_large'
      | 'too_many_steps'
      | 'payload_too_large'
      | 'state_too_large'
      | 'event_too_large',
    message: string,
  ) {
    super(message);
    this.name = 'TooLargeError';
  }
}

/** @throws TooLargeError naming what it is and both sizes */
export function checkSize(
  json: string | undefined,
  limit: number,
  code: TooLargeError['code'],
  what: string,
): number {
  const bytes = json === undefined ? 0 : Buffer.byteLength(json);
  if (bytes > limit) {
    throw new TooLargeError(
      code,
      `${what} is ${bytes} bytes of JSON; at most ${limit} are kept. Keep large data elsewhere and return where it is`,
    );
  }
  return bytes;
}
