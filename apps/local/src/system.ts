import { type Child, type ChildEvent, superviseChild } from './child.ts';
import { startGuard } from './guard.ts';
import { openHome } from './home.ts';
import { planSystem } from './plan.ts';
import type { Processes } from './processes.ts';
import { loadSecrets } from './secrets.ts';
import type { Settings } from './settings.ts';
import { writeFileAtomically } from './write-file.ts';

/** A running system: Redis, sandbox, API, workers and dashboard, each started again when it dies. */
export interface System {
  /** Who runs where at this moment. */
  readonly processes: () => Processes;
  /** Starts these again, one after the other; they then run what the config says now. Accepted runs go on. */
  readonly reload: (parts: readonly ('worker' | 'api' | 'dashboard')[]) => Promise<void>;
  /** API first, then the workers, which drain; Redis last. Resolves when no process is left. */
  readonly stop: () => Promise<void>;
}

export interface StartOptions {
  /** Forget the data first. */
  readonly reset: boolean;
  readonly onEvent: (event: ChildEvent) => void;
  /** Gives the start up; what was started is stopped. */
  readonly signal: AbortSignal;
}

/**
 * Starts everything and resolves when everything is ready and written to processes.json.
 * @throws OperatorError for what a person can fix: a port in use, a home in use, no Redis
 * @throws ChildStartError when a part could not be started
 */
export async function startSystem(settings: Settings, options: StartOptions): Promise<System> {
  const home = openHome(settings.home, options);
  const guard = startGuard();
  const running: Record<Part, Child[]> = { api: [], worker: [], dashboard: [], sandbox: [], redis: [] };
  let publish = () => {}; // nothing to tell before everything is ready

  const start = (part: Part, spec: Parameters<typeof superviseChild>[0]): Child => {
    const child = superviseChild(spec, {
      guard,
      onEvent: (event) => {
        if (event.kind === 'ready') publish();
        options.onEvent(event);
      },
    });
    running[part].push(child);
    return child;
  };
  const stop = async () => {
    publish = () => {};
    for (const part of STOP_ORDER) await Promise.all(running[part].map((child) => child.stop()));
    await guard.close();
    home.release();
  };

  try {
    const plan = await planSystem(settings, home, loadSecrets(settings.home));
    const sandbox = plan.sandbox && { ...plan.sandbox, child: start('sandbox', plan.sandbox.spec) };
    const redis = plan.redis.spec && start('redis', plan.redis.spec);
    await orAborted(redis?.firstReady, options.signal);
    const api = start('api', plan.api.spec);
    const workers = plan.workers.map((worker) => ({ url: worker.url, child: start('worker', worker.spec) }));
    const dashboard = start('dashboard', plan.dashboard.spec);
    const all = [
      api,
      dashboard,
      ...workers.map((worker) => worker.child),
      ...(sandbox ? [sandbox.child] : []),
    ];
    await orAborted(Promise.all(all.map((child) => child.firstReady)), options.signal);

    const processes = (): Processes => ({
      apiKey: plan.apiKey,
      redis: { pid: redis ? pidOf(redis) : null, url: plan.redis.url },
      ...(sandbox && {
        sandbox: { pid: pidOf(sandbox.child), url: sandbox.url, smtpUrl: sandbox.smtpUrl },
      }),
      api: { pid: pidOf(api), url: plan.api.url },
      dashboard: {
        pid: pidOf(dashboard),
        url: plan.dashboard.url,
        user: plan.dashboard.user,
        password: plan.dashboard.password,
      },
      workers: workers.map(({ child, url }) => ({ pid: pidOf(child), url })),
    });
    publish = () => writeFileAtomically(home.processesFile, `${JSON.stringify(processes(), null, 2)}\n`);
    publish();
    const reload = async (parts: readonly ('worker' | 'api' | 'dashboard')[]) => {
      for (const part of parts) {
        // all end at once, so that none goes on with the old code; the first to start has the machine to itself
        const [first, ...others] = running[part];
        const again = first?.restart(Promise.resolve()) ?? Promise.resolve();
        await Promise.all([again, ...others.map((child) => child.restart(again))]);
      }
    };
    return { processes, reload, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

type Part = 'api' | 'worker' | 'dashboard' | 'sandbox' | 'redis';

/** Who takes orders goes first, who others depend on last. */
const STOP_ORDER: readonly Part[] = ['api', 'worker', 'dashboard', 'sandbox', 'redis'];

function pidOf(child: Child): number {
  if (child.pid === undefined) throw new Error(`${child.name} has not been ready yet`);
  return child.pid;
}

/** @throws the signal's reason as soon as it is aborted */
async function orAborted(work: Promise<unknown> | undefined, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  let giveUp = () => {};
  const aborted = new Promise<never>((_, reject) => {
    giveUp = () => reject(signal.reason);
    signal.addEventListener('abort', giveUp, { once: true });
  });
  try {
    await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', giveUp);
  }
}
