import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, waitFor } from '@holdfast/testkit';
import { Connection } from 'rabbitmq-client';

export interface RabbitmqServer {
  readonly url: string;
  /** Ends it without a word. */
  kill(): Promise<void>;
  start(): Promise<void>;
  stop(): Promise<void>;
}

const path = ['/usr/lib/rabbitmq/bin/rabbitmq-server', '/opt/homebrew/sbin/rabbitmq-server'].find((each) =>
  existsSync(each),
);
/** Tests that need it are skipped without it, unless HOLDFAST_CONNECTORS=required. */
export const hasRabbitmq = path !== undefined;
if (!hasRabbitmq) {
  const how = 'install it (Debian: apt-get install rabbitmq-server), then run `npm run test:connectors`';
  if (process.env.HOLDFAST_CONNECTORS === 'required') throw new Error(`there is no RabbitMQ server: ${how}`);
  console.warn(`skipped: tests of @holdfast/rabbitmq, for there is no RabbitMQ server; ${how}`);
}

/** A broker of one's own on free ports, with its own name server. */
export async function startRabbitmq(): Promise<RabbitmqServer> {
  if (!path) throw new Error('there is no RabbitMQ server');
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-rabbitmq-'));
  const [port, distribution, names] = [await freePort(), await freePort(), await freePort()];
  const url = `amqp://guest:guest@127.0.0.1:${port}`;
  writeFileSync(join(folder, 'rabbitmq.conf'), `listeners.tcp.1 = 127.0.0.1:${port}\n`);
  writeFileSync(join(folder, 'enabled_plugins'), '[].\n');
  const env = {
    PATH: process.env.PATH,
    HOME: folder,
    LANG: 'C.UTF-8',
    ERL_EPMD_PORT: String(names),
    ERL_EPMD_ADDRESS: '127.0.0.1',
    RABBITMQ_NODENAME: `holdfast-${port}@localhost`,
    RABBITMQ_DIST_PORT: String(distribution),
    RABBITMQ_MNESIA_BASE: join(folder, 'data'),
    RABBITMQ_LOG_BASE: join(folder, 'log'),
    RABBITMQ_PID_FILE: join(folder, 'pid'),
    RABBITMQ_CONFIG_FILE: join(folder, 'rabbitmq.conf'),
    RABBITMQ_ENABLED_PLUGINS_FILE: join(folder, 'enabled_plugins'),
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '+S 1:1 +sbwt none',
  };
  // one of our own, which ends with the test; Erlang would leave one behind
  const nameServer = spawn('epmd', ['-port', String(names), '-address', '127.0.0.1'], {
    env,
    stdio: 'ignore',
  });
  let server: ChildProcess | undefined;

  const start = async () => {
    // a group of its own: the script starts the emulator as a child
    server = spawn(path, [], { env, cwd: folder, stdio: 'ignore', detached: true });
    await waitFor(
      async () => {
        const amqp = new Connection({ url, connectionTimeout: 1_000, retryLow: 100, acquireTimeout: 1_000 });
        amqp.on('error', () => {});
        return amqp.onConnect(1_000).then(
          () => amqp.close().then(() => true),
          () => false,
        );
      },
      { what: 'RabbitMQ to take connections', timeoutMs: 60_000, everyMs: 100 },
    );
  };
  const end = async (signal: NodeJS.Signals) => {
    if (!server?.pid || server.exitCode !== null || server.signalCode !== null) return;
    const gone = once(server, 'exit');
    process.kill(-server.pid, signal);
    await gone;
  };
  await start();
  return {
    ...{ url, start },
    kill: () => end('SIGKILL'),
    stop: async () => {
      await end('SIGKILL');
      nameServer.kill('SIGKILL');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
