// `npm run test:connectors`: the tests of the connectors against real servers, none skipped. Where a server is missing, root on Debian gets it installed.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';

const SERVERS = [
  { debian: 'postgresql', there: '/usr/lib/postgresql' },
  { debian: 'pgbouncer', there: '/usr/sbin/pgbouncer' },
  { debian: 'rabbitmq-server', there: '/usr/lib/rabbitmq/bin/rabbitmq-server' },
];

const missing = SERVERS.filter(({ there }) => !existsSync(there)).map(({ debian }) => debian);
if (missing.length > 0 && process.getuid?.() === 0 && existsSync('/usr/bin/apt-get')) {
  console.log(`Installing ${missing.join(', ')} with apt-get…`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  // the tests start servers of their own; those that Debian starts by itself are not needed
  run(
    'apt-get',
    ['install', '-y', '-qq', '--no-install-recommends', ...missing],
    { env, stdio: ['ignore', 'ignore', 'inherit'] },
    true,
  );
}

const tests = ['packages/postgres', 'packages/rabbitmq', 'test/saga.test.ts', ...process.argv.slice(2)];
const env = { ...process.env, HOLDFAST_CONNECTORS: 'required' };
process.exit(run('npx', ['vitest', 'run', ...tests], { env, stdio: 'inherit' }));

function run(command, args, options, again = false) {
  const { status, error } = spawnSync(command, args, options);
  if (error) throw error;
  if (status !== 0 && again) {
    // a bare machine has no list of packages yet
    spawnSync(command, ['update', '-qq'], options);
    return run(command, args, options);
  }
  return status ?? 1;
}
