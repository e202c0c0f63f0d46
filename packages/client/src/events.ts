import { createParser } from 'eventsource-parser';
import type { Run } from './flow-types.ts';
import { HoldfastError } from './holdfast-error.ts';
import { pause, pauseBefore } from './retry.ts';

/** Opens the stream after an event. @returns undefined when nothing will come after it */
export type OpenStream = (
  lastEventId: string | undefined,
  signal: AbortSignal,
) => Promise<ReadableStream<Uint8Array> | undefined>;

/** The server sends a comment every 15 s, so a connection that is silent for longer is dead. */
const SILENCE_MS = 45_000;
const FINAL: ReadonlySet<string> = new Set(['completed', 'failed', 'cancelled']);

/**
 * Follows a run until its final status, over any number of connections.
 * @param retries connections in a row that may end without an event
 * @throws HoldfastError the last failure
 */
export async function* followRun(
  open: OpenStream,
  retries: number,
  signal?: AbortSignal,
): AsyncGenerator<Run, void, undefined> {
  let lastEventId: string | undefined;
  for (let failures = 0; ; ) {
    const connection = new AbortController();
    const ended = signal ? AbortSignal.any([signal, connection.signal]) : connection.signal;
    let failure = lost('The stream of events ended before the run did.');
    try {
      const stream = await open(lastEventId, ended);
      if (!stream) return;
      for await (const { id, data } of messagesOf(stream, () => connection.abort())) {
        lastEventId = id ?? lastEventId;
        failures = 0;
        const run: Run = JSON.parse(data);
        yield run;
        if (FINAL.has(run.status)) return;
      }
    } catch (error) {
      signal?.throwIfAborted();
      failure = error instanceof HoldfastError ? error : lost('The stream of events broke off.', error);
    } finally {
      connection.abort();
    }
    failures += 1;
    const pauseMs = pauseBefore(failure, failures, { retries, repeatable: 'always' }, Math.random());
    if (pauseMs === undefined) throw failure;
    await pause(pauseMs);
  }
}

async function* messagesOf(stream: ReadableStream<Uint8Array>, onSilence: () => void) {
  const messages: { readonly id: string | undefined; readonly data: string }[] = [];
  const parser = createParser({ onEvent: ({ id, data }) => messages.push({ id, data }) });
  const decoder = new TextDecoder();
  const reader = stream.getReader();
  try {
    for (;;) {
      const silence = setTimeout(onSilence, SILENCE_MS);
      const { done, value } = await reader.read().finally(() => clearTimeout(silence));
      if (done) return;
      parser.feed(decoder.decode(value, { stream: true }));
      yield* messages.splice(0);
    }
  } finally {
    await reader.cancel().catch(() => {}); // fails where the connection has failed
  }
}

function lost(message: string, cause?: unknown): HoldfastError {
  return new HoldfastError({ status: 0, code: 'network_failed', message, cause });
}
