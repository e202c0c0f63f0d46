#!/usr/bin/env node
import { setTimeout as delay } from 'node:timers/promises';
import { OperatorError, runMain } from '@holdfast/app-kit';
import type { ChildEvent } from './child.ts';
import { type Environment, readSettings } from './settings.ts';
import { explainStartError } from './start-failure.ts';
import { parseStartOptions, USAGE } from './start-options.ts';
import { startSystem } from './system.ts';
import { colors, outliveClosedOutput } from './terminal.ts';
import { welcome } from './welcome.ts';

runMain(async () => {
  outliveClosedOutput();
  const options = parseStartOptions(process.argv.slice(2));
  if (options.kind === 'help') return console.log(USAGE);
  if (options.kind === 'wrong') {
    console.error(`${options.message}\n\n${USAGE}`);
    process.exit(2);
  }
  const settings = readSettings(process.env, options);
  if (options.reset && settings.redis.kind === 'external') throw resetOfExternalRedis(process.env);

  const stopSignal = onFirstSignal();
  try {
    const system = await startSystem(settings, { reset: options.reset, onEvent: show, signal: stopSignal });
    console.log(welcome(system.processes(), settings.home));
    await aborted(stopSignal);
    console.log('\nStopping…');
    await system.stop();
  } catch (error) {
    if (!stopSignal.aborted) throw explainStartError(error);
  }
  process.exit(0);
});

/** Aborted by the first SIGINT, SIGTERM or SIGHUP. */
function onFirstSignal(): AbortSignal {
  const stopping = new AbortController();
  let again = false;
  const onSignal = () => {
    // npm passes on a signal that the terminal has sent us as well; a person's second Ctrl-C comes later than that.
    // Exiting at once is safe: the guard ends the children, and nothing acknowledged is lost.
    if (again) process.exit(1);
    stopping.abort();
    void delay(1_000, undefined, { ref: false }).then(() => (again = true));
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal);
  return stopping.signal;
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

function show(event: ChildEvent): void {
  if (event.kind === 'died')
    console.error(colors.yellow(`${event.name} died (${event.how}); starting it again`));
  else if (event.again) console.error(`${event.name} is back, process ${event.pid}`);
}

function resetOfExternalRedis({ HOLDFAST_REDIS_URL }: Environment): OperatorError {
  const where = HOLDFAST_REDIS_URL?.replaceAll(/:[^:/@]*@/g, ':…@');
  return new OperatorError(
    `--reset forgets the embedded system's data only, and HOLDFAST_REDIS_URL is set (${where}).\nEmpty that Redis yourself, or unset the variable.`,
  );
}
