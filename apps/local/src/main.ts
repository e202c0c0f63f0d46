#!/usr/bin/env node
import { OperatorError, runMain } from '@holdfast/app-kit';
import type { ChildEvent } from './child.ts';
import { type Environment, readSettings, type Settings } from './settings.ts';
import { explainStartError } from './start-failure.ts';
import { parseStartOptions, USAGE } from './start-options.ts';
import { stopSignal } from './stop-signal.ts';
import { type System, startSystem } from './system.ts';
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

  const signal = stopSignal();
  const system = await start(settings, options.reset, signal);
  if (system) {
    console.log(welcome(system.processes(), settings.home));
    await aborted(signal);
    console.log('\nStopping…');
    await system.stop();
  }
  process.exit(0);
});

/** @returns undefined when it was stopped before it was ready */
async function start(settings: Settings, reset: boolean, signal: AbortSignal): Promise<System | undefined> {
  try {
    return await startSystem(settings, { reset, onEvent: show, signal });
  } catch (error) {
    if (signal.aborted) return undefined;
    throw explainStartError(error);
  }
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
