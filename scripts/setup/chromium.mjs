import { findOnPath, runQuietly } from './command.mjs';

/** As Debian, other Linuxes and Google call it. */
const BROWSERS = ['chromium', 'chromium-browser', 'google-chrome'];

/**
 * Gives the tests of the dashboard's pages a browser where possible. Where it is not, it says so and continues:
 * only those tests need one, and they fail with what to install.
 */
export async function offerChromium() {
  const choice = chooseChromium({ env: process.env, isRoot: process.getuid?.() === 0 });
  if (choice.kind === 'none') console.log(choice.message);
  if (choice.kind !== 'install') return;
  console.log('Installing chromium with apt-get…');
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  await runQuietly(choice.aptGet, ['update', '-qq'], { env });
  // without any font it would not draw a page
  const install = ['install', '-y', '-qq', '--no-install-recommends', 'chromium', 'fonts-dejavu-core'];
  const result = await runQuietly(choice.aptGet, install, { env });
  if (!result.ok) console.log(`apt-get could not install chromium (${result.why}). ${NEEDED}`);
}

const NEEDED =
  'The tests of the pages need it: install it, or set HOLDFAST_CHROMIUM to the path of one that you have.';

/**
 * @param {{ env: Record<string, string | undefined>, isRoot: boolean }} given
 * @returns {{ kind: 'ready' } | { kind: 'install', aptGet: string } | { kind: 'none', message: string }}
 */
export function chooseChromium({ env, isRoot }) {
  if (env.HOLDFAST_CHROMIUM || findOnPath(BROWSERS, env.PATH)) return { kind: 'ready' };
  const aptGet = findOnPath(['apt-get'], env.PATH);
  if (aptGet && isRoot) return { kind: 'install', aptGet };
  return { kind: 'none', message: `There is no chromium on PATH. ${NEEDED}` };
}
