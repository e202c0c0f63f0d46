import type { Json, Reference } from '@holdfast/engine';

/** What a mapping has done about an event. */
export type Action =
  | { readonly kind: 'submit'; readonly flow: string; readonly input: Json; readonly key?: string }
  | { readonly kind: 'signal'; readonly to: SignalTo; readonly name: string; readonly payload: Json }
  | { readonly kind: 'ignore' };

/** The run that a signal is for: by its id, or by a reference that it registered, or will, by `ctx.correlate`. */
export type SignalTo = { readonly run: string } | { readonly correlation: Reference };

/**
 * Submits a run of a flow, once however often the event comes.
 * @param options.key its Idempotency-Key; default: the source and the id of the event
 */
export function submit(flow: string, input: Json, { key }: { readonly key?: string } = {}): Action {
  return { kind: 'submit', flow, input, ...(key !== undefined && { key }) };
}

/**
 * Sends a signal to a run, once however often the event comes. A run that does not exist yet, or has not registered its reference yet, gets it
 * within a day of the event.
 * @param to the run's id, as it was given to the sender in its metadata; or `{ correlation: [kind, id] }`
 */
export function signal(to: SignalTo, name: string, payload: Json = null): Action {
  return { kind: 'signal', to, name, payload };
}

/** Keeps the event, and does nothing. */
export function ignore(): Action {
  return { kind: 'ignore' };
}
