import { setTimeout as delay } from 'node:timers/promises';

/**
 * Aborted by the first SIGINT, SIGTERM or SIGHUP. One that comes a second later or more ends the process at once, which is safe:
 * the guard ends the children, and nothing acknowledged is lost.
 */
export function stopSignal(): AbortSignal {
  const stopping = new AbortController();
  let impatient = false;
  const onSignal = () => {
    // npm passes on a signal that the terminal has sent us as well: that one is no second wish to stop.
    if (impatient) process.exit(1);
    stopping.abort();
    void delay(1_000, undefined, { ref: false }).then(() => {
      impatient = true;
    });
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal);
  return stopping.signal;
}
