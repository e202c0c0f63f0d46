import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { OperatorError } from '@holdfast/app-kit';
import { type Checked, type ConfigChecker, configChecker, findConfig } from '@holdfast/project';
import { PROVIDER_VARIABLES } from '@holdfast/sandbox/providers-env';
import type { ChildEvent } from './child.ts';
import { type Environment, readSettings, type Settings } from './settings.ts';
import { explainStartError } from './start-failure.ts';
import { parseStartOptions, USAGE } from './start-options.ts';
import { stopSignal } from './stop-signal.ts';
import { type System, startSystem } from './system.ts';
import { colors, outliveClosedOutput } from './terminal.ts';
import { type Saves, watchProject } from './watch-project.ts';
import { welcome } from './welcome.ts';

/**
 * Runs the whole system of a config on this machine until it is told to stop; `npm start` and `holdfast dev`.
 * @param options.watch a save of the project's files that loads is used at once; the process ends with its parent
 * @throws OperatorError, ConfigError what a person can act on
 */
export async function runLocal(
  args: readonly string[],
  { watch }: { readonly watch: boolean },
): Promise<void> {
  outliveClosedOutput();
  const options = parseStartOptions(args);
  if (options.kind === 'help') return console.log(USAGE);
  if (options.kind === 'wrong') {
    console.error(`${options.message}\n\n${USAGE}`);
    process.exit(2);
  }
  const folder = dirname(findConfig());
  if (existsSync(join(folder, '.env'))) process.loadEnvFile(join(folder, '.env'));
  const signal = watch ? AbortSignal.any([stopSignal(), parentGone()]) : stopSignal();
  const saves = watch ? watchProject(folder) : undefined;
  const checker = configChecker(process.env);
  try {
    const found = await firstThatLoads(checker, saves, signal);
    if (found) await run(found, { ...options, checker, saves, signal });
  } finally {
    checker.close();
    await saves?.close();
  }
  process.exit(0);
}

interface Running {
  readonly workers: number;
  readonly reset: boolean;
  readonly checker: ConfigChecker;
  /** Absent: nobody follows them. */
  readonly saves: Saves | undefined;
  readonly signal: AbortSignal;
}

async function run(found: Found, { workers, reset, checker, saves, signal }: Running): Promise<void> {
  if (!saves) checker.close(); // asked once, and no more
  const sandbox = found.variables.some((variable) => PROVIDER_VARIABLES.has(variable));
  const settings = readSettings(process.env, {
    ...{ workers, sandbox },
    stripeWebhooks: sandbox && found.webhooks.includes('stripe'),
  });
  if (reset && settings.redis.kind === 'external') throw resetOfExternalRedis(process.env);
  const system = await start(settings, reset, signal);
  if (!system) return;
  console.log(welcome(system.processes(), settings.home, found.flows));
  if (saves) await followSaves(system, { checker, surface: found.surface, saves, signal });
  await aborted(signal);
  console.log('\nStopping…');
  await system.stop();
}

type Found = Checked & { readonly ok: true };

/**
 * @returns undefined when it was stopped before
 * @throws OperatorError when the config does not load, and nobody waits for a save
 */
async function firstThatLoads(
  checker: ConfigChecker,
  saves: Saves | undefined,
  signal: AbortSignal,
): Promise<Found | undefined> {
  while (!signal.aborted) {
    const checked = await checker.check();
    if (checked.ok) return checked;
    if (!saves) throw new OperatorError(checked.message);
    console.error(`${checked.message}\n${colors.yellow('Waiting for the next save.')}`);
    await saves.next(signal);
  }
  return undefined;
}

interface Following {
  readonly checker: ConfigChecker;
  /** What API and dashboard know of the config. */
  readonly surface: string;
  readonly saves: Saves;
  readonly signal: AbortSignal;
}

/** Until the signal: a save that loads is run; one that does not is told, and changes nothing. */
async function followSaves(system: System, { checker, surface, saves, signal }: Following): Promise<void> {
  let shown = surface;
  for (;;) {
    await saves.next(signal);
    if (signal.aborted) return;
    const savedAt = performance.now();
    const checked = await checker.check();
    if (!checked.ok) {
      console.error(`${checked.message}\n${colors.yellow('The last code that loaded goes on.')}`);
      continue;
    }
    // workers alone run what flows do; API and dashboard need not be away for that
    await system.reload(checked.surface === shown ? ['worker'] : ['worker', 'api', 'dashboard']);
    shown = checked.surface;
    const seconds = ((performance.now() - savedAt) / 1000).toFixed(1);
    console.log(colors.green(`Reloaded in ${seconds} s: ${checked.flows.join(', ')}`));
  }
}

/** Aborted once the process that started this one has ended: npx does not pass signals on. */
function parentGone(): AbortSignal {
  const gone = new AbortController();
  const parent = process.ppid;
  setInterval(() => {
    if (process.ppid !== parent) gone.abort();
  }, 250).unref();
  return gone.signal;
}

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
