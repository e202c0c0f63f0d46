import { excerpt, findOnPath, runQuietly, SetupError } from './command.mjs';

const SERVERS = ['redis-server', 'valkey-server'];

/**
 * Makes sure that there is a Redis to work with.
 * @param {{ needsServer: boolean }} options `needsServer`: a program to start is needed even where HOLDFAST_REDIS_URL is set
 */
export async function ensureRedis({ needsServer }) {
  const choice = chooseRedis({ env: process.env, isRoot: process.getuid?.() === 0, needsServer });
  if (choice.kind === 'ready') return;
  if (choice.kind === 'none') throw new SetupError(choice.message);
  await aptInstall(choice.aptGet);
}

/**
 * @param {{ env: Record<string, string | undefined>, isRoot: boolean, needsServer: boolean }} given
 * @returns {{ kind: 'ready' } | { kind: 'install', aptGet: string } | { kind: 'none', message: string }}
 */
export function chooseRedis({ env, isRoot, needsServer }) {
  if (env.HOLDFAST_REDIS_URL && !needsServer) return { kind: 'ready' };
  if (findOnPath(SERVERS, env.PATH)) return { kind: 'ready' };
  const aptGet = findOnPath(['apt-get'], env.PATH);
  if (aptGet && isRoot) return { kind: 'install', aptGet };
  return {
    kind: 'none',
    message: `There is no Redis: neither redis-server nor valkey-server is on PATH${needsServer ? '' : ', and HOLDFAST_REDIS_URL is not set'}.
Install one: ${aptGet ? 'sudo apt-get install redis-server' : 'brew install redis, or apt-get install redis-server'}.
${needsServer ? 'Then run the same command again.' : 'Or set HOLDFAST_REDIS_URL to one that you have, or start everything with docker compose up.'}`,
  };
}

/** The service that the Debian package may start listens on 6379, not where ours does, and is left alone. */
async function aptInstall(aptGet) {
  console.log('Installing redis-server with apt-get…');
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  const update = await runQuietly(aptGet, ['update', '-qq'], { env });
  const install = ['install', '-y', '-qq', '--no-install-recommends', 'redis-server'];
  const result = await runQuietly(aptGet, install, { env });
  if (result.ok && findOnPath(SERVERS)) return;
  const output = [update, result].flatMap((r) => (r.ok ? [] : [r.output])).join('\n');
  if (output) console.error(excerpt(output));
  throw new SetupError(`There is no Redis, and apt-get could not install one${result.ok ? '' : ` (${result.why})`}.
apt-get's own words are above; most often the package servers could not be reached.
Install redis-server or valkey-server yourself, or set HOLDFAST_REDIS_URL to one that you have.`);
}
