import { ConfigError } from './config-error.ts';
import type { Logger } from './logger.ts';

/** A reason not to start or go on that a person can act on; shown without its stack. */
export class OperatorError extends Error {
  readonly code = 'operator_error';
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'OperatorError';
  }
}

/**
 * Runs a process's main function. A fault at start is printed in as few lines as say what to do, and the process exits with 1;
 * a mistake of ours is printed with its stack.
 */
export function runMain(main: () => Promise<void>): void {
  main().catch((error: unknown) => {
    const known = error instanceof ConfigError || error instanceof OperatorError;
    console.error(known ? error.message : error);
    process.exit(1);
  });
}

/**
 * Logs a rejection that nobody handles, with its stack, and goes on: the code of one step must not take the runs of all others down. What
 * a callback throws still ends the process, which is in no state that could be known.
 */
export function surviveStrayRejections(log: Logger): void {
  process.on('unhandledRejection', (reason) => {
    log.error(
      { err: reason },
      'unhandled promise rejection; a step must await or catch everything it starts',
    );
  });
}

/**
 * On the first SIGINT or SIGTERM runs `close` and exits: 0 when it ended, 1 when it threw or took longer than `graceMs`.
 * A second signal exits at once.
 */
export function onShutdown(log: Logger, graceMs: number, close: () => Promise<void>): void {
  let closing = false;
  const stop = (signal: NodeJS.Signals) => {
    if (closing) process.exit(1);
    closing = true;
    log.info({ signal }, 'stopping');
    setTimeout(() => {
      log.error(`not stopped within ${graceMs} ms, exiting; other workers take over its runs`);
      process.exit(1);
    }, graceMs).unref();
    close().then(
      () => process.exit(0),
      (error: unknown) => {
        log.error({ err: error }, 'could not stop cleanly');
        process.exit(1);
      },
    );
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
}
