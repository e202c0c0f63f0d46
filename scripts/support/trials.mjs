// A table of what was tried, what came of it and what was expected, for scripts that try our adapters on real servers.
let calls = 0;

/** As much of a step's call as an adapter needs. */
export function stepCall() {
  calls += 1;
  const runId = `run_${String(calls).padStart(4, '0')}`;
  return {
    ...{ runId, generation: 1, attempt: 1, startedAt: Date.now(), signal: new AbortController().signal },
    ...{ reference: `${runId}.1.step`, idempotencyKey: `${runId}:1:step` },
  };
}

/** What an adapter makes of an answer, in short. */
export async function outcomeOf(promise) {
  try {
    await promise;
    return 'ok';
  } catch (error) {
    return error.kind === undefined ? `bug: ${error.message}` : `${error.kind} ${error.code}`;
  }
}

export class Trials {
  #rows = [];

  /** @param {string} what @param {unknown} came @param {unknown} expected the same, or a pattern */
  note(what, came, expected) {
    const holds = expected instanceof RegExp ? expected.test(String(came)) : came === expected;
    this.#rows.push({ what, came, holds });
    console.log(`| ${what} | ${came} |${holds ? '' : ` expected ${expected}`}`);
  }

  get failed() {
    return this.#rows.filter(({ holds }) => !holds).length;
  }
}
