/** The steps of one run, the same for everyone who has steps. */
export const STEPS = ['charge', 'reserve', 'ship', 'email'] as const;

export interface StepResult {
  readonly step: string;
  readonly data: string;
}

const RESULT_BYTES = 200;

/** A step that does nothing but give a result of 200 bytes as JSON: what is measured is the engine, not the work. */
export async function work(step: string): Promise<StepResult> {
  const frame = JSON.stringify({ step, data: '' }).length;
  return { step, data: 'x'.repeat(RESULT_BYTES - frame) };
}

/** What a run is about. */
export interface RunInput {
  readonly order: number;
}
