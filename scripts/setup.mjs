#!/usr/bin/env node
// Prepares a fresh clone: dependencies, build, a Redis. Runs before `npm start`, `npm run demo` and `npm test`.
// Plain Node without dependencies, since it is what installs them; quiet when there is nothing to do.
// `--dev` prepares what the tests need as well.

const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(`Holdfast needs Node.js 20.19 or newer; this is ${process.versions.node} (${process.execPath}).
Install a newer one, for example from https://nodejs.org, and try again.`);
  process.exit(1);
}

// Only now, so that an old Node gets to say the above before it meets syntax it does not know.
import('./setup/set-up.mjs')
  .then(({ setUp }) => setUp({ dev: process.argv.includes('--dev') }))
  .catch((error) => {
    console.error(error.code === 'setup_failed' ? error.message : error);
    process.exit(1);
  });
