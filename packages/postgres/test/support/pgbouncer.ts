import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, waitFor } from '@holdfast/testkit';
import { unprivileged } from './postgres-server.ts';

const path = ['/usr/sbin/pgbouncer', '/usr/bin/pgbouncer'].find((each) => existsSync(each));
export const hasPgbouncer = path !== undefined;

/** A pgbouncer in transaction mode, with fewer server connections than clients. */
export async function startPgbouncer(
  serverPort: number,
): Promise<{ readonly url: string; stop(): Promise<void> }> {
  if (!path) throw new Error('there is no pgbouncer');
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-pgbouncer-'));
  chmodSync(folder, 0o755);
  const port = await freePort();
  const config = join(folder, 'pgbouncer.ini');
  writeFileSync(
    config,
    `[databases]
postgres = host=127.0.0.1 port=${serverPort} dbname=postgres user=test
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 3
server_login_retry = 1
ignore_startup_parameters = extra_float_digits
`,
  );
  const child = spawn(path, ['-q', config], { ...unprivileged(), stdio: 'ignore', cwd: folder });
  await waitFor(
    () =>
      new Promise<boolean>((resolve) => {
        const socket = connect(port, '127.0.0.1');
        socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
        socket.once('connect', () => socket.destroy());
      }),
    { what: 'pgbouncer to listen', everyMs: 50 },
  );
  return {
    url: `postgres://test@127.0.0.1:${port}/postgres`,
    stop: async () => {
      const gone = once(child, 'exit');
      child.kill('SIGTERM');
      setTimeout(() => child.kill('SIGKILL'), 2_000).unref();
      await gone;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
