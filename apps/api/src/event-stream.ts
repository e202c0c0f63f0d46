import type { Run } from '@holdfast/engine';
import { editionOf, presentRun } from '@holdfast/run-view';

/** Proxies close what is silent; clients notice a line that is dead. */
const HEARTBEAT_MS = 15_000;
/** How long a client waits before it connects again, as it is told. */
const RECONNECT_MS = 1_000;

/**
 * A run's standings as server-sent events: the first, unless the client has it, and each that follows. A comment goes out whenever nothing
 * else did for a while.
 */
export async function* eventStream({
  first,
  changes,
  mayStill,
  heartbeatMs = HEARTBEAT_MS,
}: {
  readonly first: Run | undefined;
  /** Ends by itself once nobody listens. */
  readonly changes: AsyncGenerator<Run, void>;
  /** Whether the listener may be told what has come: a key may have been revoked since. */
  readonly mayStill: () => Promise<boolean>;
  readonly heartbeatMs?: number;
}): AsyncGenerator<string, void> {
  try {
    yield `retry: ${RECONNECT_MS}\n\n`;
    if (first) yield eventOf(first);
    let next = changes.next();
    while (true) {
      const came = await within(heartbeatMs, next);
      if (came === 'quiet') {
        yield ': waiting\n\n';
      } else if (came.done || !(await mayStill())) {
        return;
      } else {
        yield eventOf(came.value);
        next = changes.next();
      }
    }
  } finally {
    void changes.return();
  }
}

function eventOf(run: Run): string {
  return `event: run\nid: ${editionOf(run)}\ndata: ${JSON.stringify(presentRun(run))}\n\n`;
}

async function within<T>(ms: number, work: Promise<T>): Promise<T | 'quiet'> {
  let timer: NodeJS.Timeout | undefined;
  const quiet = new Promise<'quiet'>((resolve) => {
    timer = setTimeout(() => resolve('quiet'), ms);
  });
  try {
    return await Promise.race([work, quiet]);
  } finally {
    clearTimeout(timer);
  }
}
