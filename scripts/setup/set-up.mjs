import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from './build.mjs';
import { offerChromium } from './chromium.mjs';
import { installDependencies } from './dependencies.mjs';
import { ensureRedis } from './redis.mjs';

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/**
 * @param {{ dev: boolean }} options `dev`: the tests start a Redis of their own, so HOLDFAST_REDIS_URL is not enough; and some look at
 *   pages
 */
export async function setUp({ dev }) {
  await ensureRedis({ needsServer: dev });
  if (dev) await offerChromium();
  await installDependencies(ROOT);
  await build(ROOT);
}
