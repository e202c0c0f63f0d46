import type { Logger } from '@holdfast/app-kit';
import type { Connected } from '@holdfast/project';
import type { WorkerConfig } from './config.ts';

/** Longer than any call to a provider takes. */
const CALLS_END_WITHIN_MS = 5 * 60_000;

type Configured = Pick<WorkerConfig, 'providers' | 'sealer'>;

/** The providers of a worker, which may be connected anew while their calls are under way. */
export class ConnectedProviders {
  #current: readonly Connected[] = [];
  readonly #leaving = new Map<readonly Connected[], NodeJS.Timeout>();

  constructor(
    private readonly open: (config: Configured) => readonly Connected[],
    private readonly log: Logger,
  ) {}

  /** New calls go through the new connections; the old ones are closed once no call can be under way on them. */
  connect(config: Configured): void {
    const old = this.#current;
    this.#current = this.open(config);
    const timer = setTimeout(() => {
      this.#leaving.delete(old);
      closeAll(old).catch((error: unknown) => this.log.warn({ err: error }, 'old connections to providers'));
    }, CALLS_END_WITHIN_MS);
    timer.unref();
    this.#leaving.set(old, timer);
  }

  async close(): Promise<void> {
    for (const timer of this.#leaving.values()) clearTimeout(timer);
    await Promise.all([...this.#leaving.keys(), this.#current].map(closeAll));
    this.#leaving.clear();
  }
}

async function closeAll(connected: readonly Connected[]): Promise<void> {
  await Promise.all(connected.map((each) => each.close()));
}
