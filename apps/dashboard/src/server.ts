import { connectRedis, type Host, type Logger, listen, useLoginOf } from '@holdfast/app-kit';
import { createClient, type FlowContract, type PayloadCodec } from '@holdfast/engine';
import { redisStore } from '@holdfast/http';
import { createOperations } from '@holdfast/operations';
import { deliveryContract } from '@holdfast/outgoing';
import { checkCodec, latestOf } from '@holdfast/project';
import { webhookContract } from '@holdfast/webhooks';
import type { FastifyInstance } from 'fastify';
import { buildDashboard } from './app.ts';
import { openQueues } from './board-queues.ts';
import type { DashboardConfig } from './config.ts';
import { faultPanel } from './fault-panel.ts';
import { Snapshots } from './snapshots.ts';
import { webhooksOut } from './webhooks-out.ts';

/** Redis must answer in this time, so that a page is there, or says why not, within 2 s. */
const COMMAND_TIMEOUT_MS = 1500;

export interface RunningDashboard {
  readonly url: string;
  /** Uses other logins and another login at Redis from now on; everything else stays as it was at the start. */
  useSecretsOf(config: DashboardConfig): void;
  close(): Promise<void>;
}

/** The dashboard, connected to Redis, without a port to listen on. */
export interface ConnectedDashboard {
  readonly app: FastifyInstance;
  readonly useSecretsOf: RunningDashboard['useSecretsOf'];
  close(): Promise<void>;
}

/** What it shows. */
export interface Shown {
  /** Every version of a flow that a run may be at. */
  readonly flows: readonly FlowContract[];
  /** Absent: payloads are kept as they are. */
  readonly codec?: PayloadCodec;
  /** Where the supervisor of a system on this machine says who runs where; absent everywhere else. */
  readonly processesFile?: string | undefined;
}

export async function connectDashboard(
  config: DashboardConfig,
  { flows: own, codec, processesFile }: Shown,
  log: Logger,
  host?: Host,
): Promise<ConnectedDashboard> {
  checkCodec(codec);
  const flows = latestOf(own);
  // their runs have pages and can be rerun, but they are none of the project's flows
  const contracts = [...own, webhookContract, deliveryContract];
  const redis = connectRedis(config.redis, { for: 'api', commandTimeoutMs: COMMAND_TIMEOUT_MS }, log);
  const queues = openQueues(
    redis,
    flows.map(({ name }) => name),
    log,
  );
  const client = createClient({ connection: redis, flows: contracts, codec });
  let draining = false;
  let { accounts } = config;
  const app = await buildDashboard({
    accounts: () => accounts,
    trustedHeader: config.trustedHeader,
    ...{ proxy: config.proxy, flows, contracts, queues, client, host },
    operations: createOperations({ client, connection: redis, log }),
    snapshots: new Snapshots(redis, () => client.pauses()),
    webhooksOut: webhooksOut(redis, client, log),
    providers: redisStore({ connection: redis }),
    ping: () => redis.ping(),
    draining: () => draining,
    faults: processesFile === undefined ? undefined : faultPanel(processesFile, redis),
    log,
  });
  return {
    app,
    useSecretsOf: (changed) => {
      accounts = changed.accounts;
      useLoginOf(redis, changed.redis, log);
    },
    async close() {
      draining = true;
      await app.close();
      await Promise.all([queues.close(), client.close()]);
      redis.disconnect();
    },
  };
}

/** Starts the dashboard as it runs in production; without Redis too, whose absence its pages then tell. */
export async function startDashboard(
  config: DashboardConfig,
  shown: Shown,
  log: Logger,
): Promise<RunningDashboard> {
  const { app, useSecretsOf, close } = await connectDashboard(config, shown, log);
  try {
    return {
      url: await listen(app, config.host, config.port, 'HOLDFAST_DASHBOARD_PORT'),
      useSecretsOf,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
