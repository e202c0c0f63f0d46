// Tries our HTTP adapters through a real nginx in front of the sandbox (`apt-get install nginx`; `openssl` for its certificate): what it
// answers by itself when it is full, slow, strict or alone. Prints a table; exit 1 where something is not as it should be. Needs a build.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { inventory, stripePayments } from '@holdfast/providers';
import { startSandbox } from '@holdfast/sandbox';
import { outcomeOf, stepCall, Trials } from './support/trials.mjs';

const version = spawnSync('nginx', ['-v'], { encoding: 'utf8' });
if (version.error) {
  console.error('There is no nginx here: apt-get install nginx');
  process.exit(2);
}

const TEE = { items: [{ sku: 'TEE-M', quantity: 1 }] };
const CHARGE = {
  amount: 1900,
  currency: 'usd',
  customerId: 'c',
  paymentMethod: 'pm_card_visa',
  description: '',
};

const dir = mkdtempSync(join(tmpdir(), 'holdfast-nginx-'));
const trials = new Trials();
let nginx;
let sandbox;
try {
  for (const name of ['sandbox', 'tmp']) mkdirSync(join(dir, name));
  sandbox = await startSandbox({ port: 0, smtpPort: 0, dataDir: join(dir, 'sandbox') });
  const [https, http] = [await freePort(), await freePort()];
  await startNginx(https, http);
  await tryAll(https, http);
} finally {
  if (nginx && nginx.exitCode === null) {
    nginx.kill('SIGTERM');
    await once(nginx, 'exit');
  }
  await sandbox?.close();
  rmSync(dir, { recursive: true, force: true });
}
process.exit(trials.failed === 0 ? 0 : 1);

async function tryAll(https, http) {
  console.log(`${version.stderr.trim()}\n\n| what | outcome |\n|---|---|`);
  const reach = { tls: { ca: readFileSync(join(dir, 'cert.pem'), 'utf8') } };
  const stock = (path, more = reach, origin = `https://127.0.0.1:${https}`) =>
    inventory({ url: `${origin}${path}`, reach: more });
  const reserve = (adapter, items = TEE) => outcomeOf(adapter.reserve(items, stepCall()));
  const single = async (path, items) => {
    const adapter = stock(path);
    const outcome = await reserve(adapter, items);
    await adapter.close();
    return outcome;
  };
  const effects = async () => (await (await fetch(`${sandbox.url}/_control/ledger`)).json()).length;

  const plain = stock('/inventory');
  trials.note('a reservation, over TLS', await reserve(plain), 'ok');
  const payments = stripePayments({ url: `https://127.0.0.1:${https}/payment`, key: 'sk_test', reach });
  trials.note('a charge', await outcomeOf(payments.charge(CHARGE, stepCall())), 'ok');
  const declined = { ...CHARGE, paymentMethod: 'pm_card_chargeDeclined' };
  trials.note(
    'a declined card',
    await outcomeOf(payments.charge(declined, stepCall())),
    'rejected card_declined',
  );
  await payments.close();

  const connections = () => new Set(readFileSync(join(dir, 'access.log'), 'utf8').trim().split('\n')).size;
  await delay(300);
  const before = connections();
  for (let n = 0; n < 10; n += 1) await reserve(plain);
  trials.note('ten more, one after the other: connections made', connections() - before, 0);
  await delay(2_500);
  trials.note('after nginx has ended the idle connection (keepalive_timeout)', await reserve(plain), 'ok');
  await plain.close();
  const few = stock('/two');
  const kinds = new Set();
  for (let n = 0; n < 10; n += 1) kinds.add(await reserve(few));
  trials.note(
    'ten where it ends a connection after two requests (keepalive_requests)',
    [...kinds].join(', '),
    'ok',
  );
  await few.close();
  trials.note('with gzip on', await single('/gzip'), 'ok');

  const untrusting = stock('/inventory', {});
  trials.note(
    'its certificate is not trusted',
    await reserve(untrusting),
    'unavailable certificate_not_trusted',
  );
  await untrusting.close();
  const clear = stock('/inventory', {}, `http://127.0.0.1:${http}`);
  trials.note(
    'plain http, which it redirects to https (301)',
    await reserve(clear),
    'misconfigured unexpected_redirect',
  );
  await clear.close();
  trials.note(
    'a login of its own (auth_basic, 401)',
    await single('/login'),
    'misconfigured credentials_refused',
  );
  trials.note(
    'our address is not allowed (deny, 403)',
    await single('/denied'),
    'misconfigured permission_denied',
  );
  trials.note(
    'a path that it does not know (404, its page)',
    await single('/nowhere'),
    'misconfigured not_from_provider',
  );
  const many = { items: Array.from({ length: 500 }, (_, n) => ({ sku: `SKU-${n}`, quantity: 1 })) };
  trials.note(
    'larger than it takes (client_max_body_size, 413)',
    await single('/small', many),
    'misconfigured not_from_provider',
  );
  trials.note(
    'a static page instead of the provider (200)',
    await single('/page'),
    'misconfigured not_from_provider',
  );
  trials.note(
    'more than it lets through (limit_req_status 429)',
    await secondOf('/limited'),
    'throttled http_429',
  );
  trials.note(
    'the same as it comes: 503, without a Retry-After',
    await secondOf('/full'),
    'in_doubt http_503',
  );
  trials.note('closed for work (503 with Retry-After)', await single('/maintenance'), 'unavailable http_503');
  trials.note('the provider is not there (502)', await single('/gone'), 'in_doubt http_502');

  await fault({ provider: 'inventory', fault: 'timeout_after_effect' });
  const had = await effects();
  trials.note('the provider does not answer in time (504)', await single('/slow'), 'in_doubt http_504');
  trials.note('though it had its effect', (await effects()) - had, 1);
  await fault({ provider: 'inventory', fault: 'reset_after_effect' });
  trials.note(
    'the provider resets the connection to it (502)',
    await single('/inventory'),
    'in_doubt http_502',
  );
  trials.note(
    'it ends the connection without a word (444)',
    await single('/silent'),
    'in_doubt connection_lost',
  );

  const reloaded = stock('/inventory');
  trials.note('before it reloads', await reserve(reloaded), 'ok');
  nginx.kill('SIGHUP');
  const during = new Set();
  for (let n = 0; n < 40; n += 1) {
    during.add(await reserve(reloaded));
    await delay(25);
  }
  trials.note('while it reloads', [...during].join(', '), 'ok');
  await reloaded.close();

  async function secondOf(path) {
    const adapter = stock(path);
    const outcomes = [await reserve(adapter), await reserve(adapter)];
    await adapter.close();
    return outcomes[1];
  }
}

async function fault(body) {
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(`${sandbox.url}/_control/faults`, {
    method: 'POST',
    headers,
    body: JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(await answer.text());
}

async function startNginx(https, http) {
  const fresh = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1'];
  const names = ['-subj', '/CN=nginx', '-addext', 'subjectAltName=IP:127.0.0.1'];
  const files = ['-keyout', join(dir, 'key.pem'), '-out', join(dir, 'cert.pem')];
  execFileSync('openssl', ['req', '-x509', ...fresh, ...names, ...files], { stdio: 'ignore' });
  writeFileSync(join(dir, 'index.html'), '<!doctype html><h1>It works!</h1>\n');
  writeFileSync(join(dir, 'users'), 'nobody:{PLAIN}x\n');
  const to = `proxy_pass ${sandbox.url}`;
  const gone = await freePort();
  const temp = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  writeFileSync(
    join(dir, 'nginx.conf'),
    `daemon off;
worker_processes 1;
pid ${join(dir, 'pid')};
error_log ${join(dir, 'error.log')};
events { worker_connections 256; }
http {
  ${temp.map((name) => `${name}_temp_path ${join(dir, 'tmp', name)};`).join('\n  ')}
  log_format connection '$connection';
  access_log ${join(dir, 'access.log')} connection;
  limit_req_zone $binary_remote_addr zone=one:1m rate=1r/m;
  limit_req_zone $binary_remote_addr zone=two:1m rate=1r/m;
  keepalive_timeout 2s;
  proxy_http_version 1.1;
  server { listen 127.0.0.1:${http}; return 301 https://$host$request_uri; }
  server {
    listen 127.0.0.1:${https} ssl;
    ssl_certificate ${join(dir, 'cert.pem')};
    ssl_certificate_key ${join(dir, 'key.pem')};
    root ${dir};
    location /inventory/ { ${to}; }
    location /payment/ { ${to}; }
    location /two/ { keepalive_requests 2; ${to}/inventory/; }
    location /gzip/ { gzip on; gzip_min_length 1; gzip_types *; gzip_proxied any; ${to}/inventory/; }
    location /login/ { auth_basic "Members"; auth_basic_user_file ${join(dir, 'users')}; ${to}/inventory/; }
    location /denied/ { deny all; }
    location /nowhere/ { return 404; }
    location /small/ { client_max_body_size 1k; ${to}/inventory/; }
    location /page/ { error_page 405 =200 /index.html; try_files /index.html =404; }
    location = /index.html { }
    location /limited/ { limit_req zone=one; limit_req_status 429; ${to}/inventory/; }
    location /full/ { limit_req zone=two; ${to}/inventory/; }
    location /maintenance/ { add_header Retry-After 120 always; return 503; }
    location /gone/ { proxy_pass http://127.0.0.1:${gone}/; }
    location /slow/ { proxy_read_timeout 1s; ${to}/inventory/; }
    location /silent/ { return 444; }
  }
}
`,
  );
  nginx = spawn('nginx', ['-c', join(dir, 'nginx.conf'), '-p', dir], { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  nginx.stderr.on('data', (chunk) => {
    said += chunk;
  });
  for (let n = 0; n < 100; n += 1) {
    if (nginx.exitCode !== null) throw new Error(`nginx ended: ${said}`);
    if (await listens(https)) return;
    await delay(100);
  }
  throw new Error(`nginx does not listen: ${said}`);
}

function listens(port) {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

async function freePort() {
  const server = createServer();
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}
