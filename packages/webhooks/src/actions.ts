import type { Json } from '@holdfast/engine';

/** What a mapping has done about an event. */
export type Action =
  | { readonly kind: 'submit'; readonly flow: string; readonly input: Json; readonly key?: string }
  | { readonly kind: 'signal'; readonly run: string; readonly name: string; readonly payload: Json }
  | { readonly kind: 'ignore' };

/**
 * Submits a run of a flow, once however often the event comes.
 * @param options.key its Idempotency-Key; default: the source and the id of the event
 */
export function submit(flow: string, input: Json, { key }: { readonly key?: string } = {}): Action {
  return { kind: 'submit', flow, input, ...(key !== undefined && { key }) };
}

/**
 * Sends a signal to a run, once however often the event comes. A run that does not exist yet gets it within a day of the event.
 * @param to the run's id, as it was given to the sender in its metadata
 */
export function signal(to: { readonly run: string }, name: string, payload: Json = null): Action {
  return { kind: 'signal', run: to.run, name, payload };
}

/** Keeps the event, and does nothing. */
export function ignore(): Action {
  return { kind: 'ignore' };
}
