import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Processes, readSettings, startSystem } from '@holdfast/local';
import {
  type Crash,
  type Facts,
  pidsOf,
  readLogs,
  readRuns,
  runIdIn,
  Sandbox,
  Shop,
  Store,
  startWitness,
  violations,
} from '@holdfast/prove';
import { waitFor } from '@holdfast/testkit';
import { afterAll, beforeAll, beforeEach, expect, vi } from 'vitest';
import { Board } from './board.ts';

/** Processes that were killed, and when. */
export interface Killed extends Crash {
  readonly pids: readonly number[];
}

/** A whole system as `npm start` runs it, with processes, home and ports of its own, and a witness before its providers. */
export interface TestSystem {
  readonly shop: Shop;
  readonly sandbox: Sandbox;
  readonly board: Board;
  readonly crashes: readonly Killed[];
  /** Who runs where, as processes.json tells it. */
  processes(): Processes;
  /** Kills processes with SIGKILL: all of a part, or those given. They are started again. */
  kill(part: Crash['part'], pids?: readonly number[]): Killed;
  /** Resolves once new processes stand where others were killed. */
  back(killed: Killed): Promise<void>;
  facts(): Promise<Facts>;
  /** What the oracle finds wrong, once the system has had its time to heal; as soon as nothing is. */
  violations(): Promise<string[]>;
  /** What is needed to see what happened to runs. */
  evidence(runIds: readonly string[]): Promise<string>;
  stop(): Promise<void>;
}

/** How often BullMQ looks for jobs whose lock has run out. */
const STALLED_MS = 1_000;
/** Longest backoff, sweep and time to read it all; what the lock of a killed worker takes comes on top. */
const HEALED_WITHIN_MS = 12_000;

/** For a test or a hook: a whole system on a busy machine takes its time. */
const PATIENCE_MS = 90_000;

export interface TestSystemOptions {
  readonly workers: number;
  /** For how long BullMQ takes a job for that of a worker which is dead, or never learned that it got it. Default 30 s, as in production. */
  readonly lockMs?: number;
  /** Starts the Redis to use, and says where it is for the system and for who looks on. Default: the system starts its own. */
  readonly redis?: () => Promise<{ readonly url: string; readonly directUrl: string }>;
}

async function startTestSystem(options: TestSystemOptions): Promise<TestSystem> {
  const { workers, lockMs = 30_000 } = options;
  const redis = await options.redis?.();
  const home = mkdtempSync(join(tmpdir(), 'holdfast-test-'));
  const processes = (): Processes => JSON.parse(readFileSync(join(home, 'processes.json'), 'utf8'));
  let store: Store | undefined;
  const witness = await startWitness({
    sandboxUrl: () => processes().sandbox?.url ?? '',
    standingOf: async (key) => store?.standingOf(runIdIn(key ?? '') ?? ''),
  });
  const settings = readSettings(
    {
      PATH: process.env.PATH,
      HOLDFAST_HOME: home,
      ...(redis ? { HOLDFAST_REDIS_URL: redis.url } : { HOLDFAST_REDIS_PORT: '0' }),
      HOLDFAST_API_PORT: '0',
      HOLDFAST_DASHBOARD_PORT: '0',
      HOLDFAST_SANDBOX_PORT: '0',
      HOLDFAST_SMTP_PORT: '0',
      HOLDFAST_PAYMENT_URL: `${witness.url}/payment`,
      HOLDFAST_INVENTORY_URL: `${witness.url}/inventory`,
      HOLDFAST_SHIPPING_URL: `${witness.url}/shipping`,
      HOLDFAST_RETRY_SCALE: '0.02',
      HOLDFAST_LOCK_MS: String(lockMs),
      HOLDFAST_STALLED_MS: String(STALLED_MS),
      HOLDFAST_LOG_LEVEL: 'warn',
    },
    { workers },
  );
  const logs = () => readLogs(join(home, 'logs'));
  const cleanUp = async () => {
    await witness.close();
    rmSync(home, { recursive: true, force: true });
  };
  const system = await startSystem(settings, {
    reset: false,
    onEvent: () => {},
    signal: new AbortController().signal,
  }).catch(async (cause: unknown) => {
    const told = logs().slice(-20).join('\n');
    await cleanUp();
    throw new Error(`the system could not be started; its last log lines:\n${told}`, { cause });
  });
  store = new Store(redis?.directUrl ?? processes().redis.url);
  const shop = new Shop(processes);
  const sandbox = new Sandbox(processes);
  const crashes: Killed[] = [];

  const facts = async (): Promise<Facts> => {
    const [ledger, dump] = await Promise.all([sandbox.ledger(), store.dump()]);
    const calls = [...witness.calls];
    const texts = [
      ...ledger.map(({ reference }) => reference),
      ...dump.keys.map(({ name }) => name),
      ...shop.log.map(({ answer }) => (answer.kind === 'accepted' ? answer.run.id : '')),
    ];
    return {
      asked: shop.log,
      acts: shop.acts,
      // a call that was under way at one is seen as it was; none of the tests cancels then
      promotions: [],
      resumed: [],
      runs: await readRuns(shop, new Set(texts.flatMap((text) => runIdIn(text) ?? []))),
      ...{ ledger, calls, store: dump, crashes, workers },
      locksMayHold: crashes.some(
        ({ part, at }) => part !== 'api' && Date.now() - at < lockMs + 3 * STALLED_MS,
      ),
      unhandled: logs().filter((line) => /unhandled|uncaught/i.test(line)),
    };
  };

  return {
    ...{ shop, sandbox, crashes, processes, facts },
    board: new Board(processes),
    kill(part, pids = pidsOf(processes(), part)) {
      for (const pid of pids) process.kill(pid, 'SIGKILL');
      const killed = { part, pids, at: Date.now() };
      crashes.push(killed);
      return killed;
    },
    back: async ({ part, pids }) => {
      await waitFor(() => pidsOf(processes(), part).every((pid) => !pids.includes(pid)), {
        what: `${part} to be started again`,
        timeoutMs: 25_000,
      });
    },
    async violations() {
      let found: string[] = [];
      const none = async () => {
        found = violations(await facts());
        return found.length === 0;
      };
      await waitFor(none, { what: 'all to be well', timeoutMs: HEALED_WITHIN_MS, everyMs: 200 }).catch(
        () => {},
      );
      return found;
    },
    async evidence(runIds) {
      const effects = await sandbox.ledger();
      const told = runIds.map(async (id) => ({
        run: await shop.run(id),
        ledger: effects.filter(({ reference }) => runIdIn(reference) === id),
        calls: witness.calls.filter(({ key }) => runIdIn(key ?? '') === id),
        asked: shop.log.filter(({ answer }) => answer.kind === 'accepted' && answer.run.id === id).length,
      }));
      const kills = crashes.map(({ part, at }) => `${part} at ${at}`).join(', ') || 'none';
      const shown = (await Promise.all(told)).map((each) => JSON.stringify(each, null, 1));
      return [...shown, `kills: ${kills}`, 'last log lines:', ...logs().slice(-30)].join('\n');
    },
    async stop() {
      await store.close();
      await system.stop();
      await cleanUp();
    },
  };
}

/** Gives a test file a system of its own, and prints what is needed to see why for each test that fails. */
export function useTestSystem(options: TestSystemOptions): () => TestSystem {
  vi.setConfig({ testTimeout: PATIENCE_MS, hookTimeout: PATIENCE_MS });
  let system: TestSystem | undefined;
  const started = () => system ?? expect.fail('the system has not been started');
  beforeAll(async () => {
    system = await startTestSystem(options);
  });
  afterAll(() => system?.stop());
  beforeEach(({ onTestFailed }) => {
    onTestFailed(async ({ task }) => {
      const errors = task.result?.errors?.map(({ message, diff }) => `${message}${diff}`).join('\n') ?? '';
      const named = [...new Set(errors.match(/run_[0-9a-f]{32}/g))];
      const accepted = started().shop.log.flatMap(({ answer }) =>
        answer.kind === 'accepted' ? answer.run.id : [],
      );
      const shown = named.length > 0 ? named.slice(0, 5) : [...new Set(accepted)].slice(-3);
      console.error(`${task.name}\n${await started().evidence(shown)}`);
    });
  });
  return started;
}
