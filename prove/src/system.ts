import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Processes, readSettings, startSystem } from '@holdfast/local';
import { type RedisPair, startRedisPair } from './chaos/redis-pair.ts';
import type { Crash, Facts } from './oracle/facts.ts';
import { readLogs, readRuns } from './outside/gather.ts';
import { runIdIn } from './outside/records.ts';
import { Sandbox } from './outside/sandbox.ts';
import { Shop } from './outside/shop.ts';
import { Store } from './outside/store.ts';
import { startSubscriber } from './outside/subscriber.ts';
import { startWitness } from './outside/witness.ts';

/** For how long BullMQ takes a job for that of a worker that is dead or stands still. */
export const LOCK_MS = 5_000;
const STALLED_MS = 1_000;

/** A whole system with processes, home and ports of its own, seen from outside. */
export interface ProvedSystem {
  readonly home: string;
  readonly redis: RedisPair;
  readonly shop: Shop;
  readonly sandbox: Sandbox;
  /** What was done to it; the oracle has to know. */
  readonly crashes: Crash[];
  readonly promotions: number[];
  readonly resumed: number[];
  processes(): Processes;
  facts(): Promise<Facts>;
  /** Ends every process. @param keepHome its logs and ledger are evidence */
  stop(keepHome: boolean): Promise<void>;
}

/** Nothing of the user's system is touched: no Redis, port, key or provider comes from the environment. */
export async function startProvedSystem(workers: number, signal: AbortSignal): Promise<ProvedSystem> {
  const home = mkdtempSync(join(tmpdir(), 'holdfast-prove-'));
  const undo: (() => unknown)[] = [];
  const undoAll = async () => {
    for (const each of undo.toReversed()) await each();
  };
  try {
    const redis = await startRedisPair();
    undo.push(() => redis.stop());
    const store = new Store(redis.onlookers.url);
    undo.push(() => store.close());
    let processes: (() => Processes) | undefined;
    const witness = await startWitness({
      sandboxUrl: () => processes?.().sandbox?.url ?? '',
      standingOf: (key) => store.standingOf(runIdIn(key ?? '') ?? ''),
    });
    undo.push(() => witness.close());
    const subscriber = await startSubscriber();
    undo.push(() => subscriber.close());
    const system = await startSystem(
      readSettings(environment(home, redis.proxy.url, witness.url), { workers }),
      { reset: false, onEvent: () => {}, signal },
    );
    undo.push(() => system.stop());
    processes = system.processes;
    await subscriber.subscribe(system.processes());
    const shop = new Shop(system.processes);
    const sandbox = new Sandbox(system.processes);
    const crashes: Crash[] = [];
    const promotions: number[] = [];
    const resumed: number[] = [];
    return {
      ...{ home, redis, shop, sandbox, crashes, promotions, resumed },
      processes: system.processes,
      async facts() {
        const [ledger, dump] = await Promise.all([sandbox.ledger(), store.dump()]);
        const texts = [
          ...ledger.map(({ reference }) => reference),
          ...dump.keys.map(({ name }) => name),
          ...shop.log.map(({ answer }) => (answer.kind === 'accepted' ? answer.run.id : '')),
        ];
        return {
          ...{ asked: shop.log, acts: shop.acts, ledger, store: dump, workers },
          runs: await readRuns(shop, new Set(texts.flatMap((text) => runIdIn(text) ?? []))),
          heard: [...subscriber.heard],
          ...{ calls: [...witness.calls], crashes, promotions, resumed },
          locksMayHold: crashes.some(
            ({ part, at }) => part !== 'api' && Date.now() - at < LOCK_MS + 3 * STALLED_MS,
          ),
          unhandled: readLogs(join(home, 'logs')).filter((line) => /unhandled|uncaught/i.test(line)),
        };
      },
      async stop(keepHome) {
        await undoAll();
        if (!keepHome) rmSync(home, { recursive: true, force: true });
      },
    };
  } catch (error) {
    await undoAll();
    rmSync(home, { recursive: true, force: true });
    throw error;
  }
}

function environment(
  home: string,
  redisUrl: string,
  providersUrl: string,
): Record<string, string | undefined> {
  const foreign = Object.entries(process.env).filter(([name]) => !name.startsWith('HOLDFAST_'));
  return {
    ...Object.fromEntries(foreign),
    HOLDFAST_HOME: home,
    HOLDFAST_REDIS_URL: redisUrl,
    HOLDFAST_API_PORT: '0',
    HOLDFAST_DASHBOARD_PORT: '0',
    HOLDFAST_SANDBOX_PORT: '0',
    HOLDFAST_SMTP_PORT: '0',
    HOLDFAST_PAYMENT_URL: `${providersUrl}/payment`,
    HOLDFAST_INVENTORY_URL: `${providersUrl}/inventory`,
    HOLDFAST_SHIPPING_URL: `${providersUrl}/shipping`,
    HOLDFAST_RETRY_SCALE: '0.02',
    HOLDFAST_LOCK_MS: String(LOCK_MS),
    HOLDFAST_STALLED_MS: String(STALLED_MS),
    HOLDFAST_LOG_LEVEL: 'warn',
  };
}
