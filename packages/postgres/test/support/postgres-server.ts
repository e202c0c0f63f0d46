import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, waitFor } from '@holdfast/testkit';
import pg from 'pg';

export interface PostgresServer {
  readonly url: string;
  readonly port: number;
  /** Ends it as a power cut would, but for what the kernel has: no process of it says goodbye. */
  kill(): Promise<void>;
  /** Starts it again on the same data and port. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** Where Debian keeps the newest server, else a `postgres` on PATH. */
function binaries(): string | undefined {
  const debian = '/usr/lib/postgresql';
  const [newest] = existsSync(debian) ? readdirSync(debian).sort((a, b) => Number(b) - Number(a)) : [];
  if (newest && existsSync(join(debian, newest, 'bin', 'initdb'))) return join(debian, newest, 'bin');
  return process.env.PATH?.split(':').find((folder) => existsSync(join(folder, 'initdb')));
}

const bin = binaries();
/** Tests that need it are skipped without it, unless HOLDFAST_CONNECTORS=required. */
export const hasPostgres = bin !== undefined;
if (!hasPostgres) {
  const how = 'install it (Debian: apt-get install postgresql), then run `npm run test:connectors`';
  if (process.env.HOLDFAST_CONNECTORS === 'required')
    throw new Error(`there is no PostgreSQL server: ${how}`);
  console.warn(`skipped: tests of @holdfast/postgres, for there is no PostgreSQL server; ${how}`);
}

/** PostgreSQL refuses to run as root. */
export function unprivileged(): { uid?: number; gid?: number } {
  if (process.getuid?.() !== 0) return {};
  const id = (what: string) => Number(execFileSync('id', [what, 'postgres'], { encoding: 'utf8' }));
  return { uid: id('-u'), gid: id('-g') };
}

/** A server of one's own on a free port, with a database `test`. */
export async function startPostgres(): Promise<PostgresServer> {
  if (!bin) throw new Error('there is no PostgreSQL server');
  const user = unprivileged();
  const data = mkdtempSync(join(tmpdir(), 'holdfast-postgres-'));
  chmodSync(data, 0o700);
  if (user.uid !== undefined && user.gid !== undefined) chownSync(data, user.uid, user.gid);
  const options = { ...user, stdio: 'ignore', cwd: tmpdir() } as const;
  execFileSync(join(bin, 'initdb'), ['-D', data, '-U', 'test', '--auth=trust', '--no-sync'], options);
  const port = await freePort();
  const url = `postgres://test@127.0.0.1:${port}/postgres`;
  let server: ChildProcess | undefined;

  const start = async () => {
    server = spawn(
      join(bin, 'postgres'),
      ['-D', data, '-p', String(port), '-k', data, '-h', '127.0.0.1', '-c', 'max_connections=60'],
      options,
    );
    await waitFor(
      async () => {
        const client = new pg.Client({ connectionString: url });
        client.on('error', () => {});
        return client.connect().then(
          () => client.end().then(() => true),
          () => false,
        );
      },
      { what: 'PostgreSQL to take connections', timeoutMs: 15_000, everyMs: 50 },
    );
  };
  const end = async (signal: NodeJS.Signals) => {
    if (!server || server.exitCode !== null || server.signalCode !== null) return;
    const gone = new Promise((resolve) => server?.once('exit', resolve));
    server.kill(signal);
    await gone;
  };
  await start();
  return {
    ...{ url, port, start },
    kill: () => end('SIGKILL'),
    stop: async () => {
      // fast shutdown
      await end('SIGINT');
      rmSync(data, { recursive: true, force: true });
    },
  };
}
