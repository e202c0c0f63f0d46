import type { StepCall } from '@holdfast/engine';

/**
 * What a charge or refund is stamped with, so that it can be found without its key: its run, and its step, which names the key as well:
 * keys change, after a definite no or a failure that would be played back. The generation is for who reads Stripe's events: a signal is
 * sent to one.
 */
export function effectMetadata(call: StepCall): Readonly<Record<string, string>> {
  return {
    'metadata[run]': call.runId,
    'metadata[generation]': String(call.generation),
    'metadata[step]': call.reference,
  };
}

/** The same, as version 1 of the flows sends it. */
export function effectMetadataV1(call: StepCall): Readonly<Record<string, string>> {
  return { 'metadata[run]': call.runId, 'metadata[step]': call.reference };
}

/** Something at Stripe that may carry a stamp. */
export interface Stamped {
  readonly metadata?: Readonly<Record<string, string>> | null | undefined;
}

/** Whether it is this step's effect, under whatever key it was made. */
export function isEffectOf(call: StepCall, { metadata }: Stamped): boolean {
  return metadata?.run === call.runId && withoutKey(metadata.step ?? '') === withoutKey(call.reference);
}

/** Whether it was made under the call's own key. */
export function isUnderKeyOf(call: StepCall, { metadata }: Stamped): boolean {
  return metadata?.step === call.reference;
}

/** A step's reference without the number that a new key adds to it. */
function withoutKey(reference: string): string {
  return /^([^.]+\.\d+\.[^.]+(?:\.undo)?)\.\d+$/.exec(reference)?.[1] ?? reference;
}
