// Tries our mail adapter on a real Postfix (`apt-get install postfix`; needs root, since Postfix does): greylisting by a policy server,
// refusals, limits, connections that it ends. Prints a table; exit 1 where something is not as it should be. Needs a build.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { smtpEmail } from '@holdfast/providers';
import { SMTPServer } from 'smtp-server';
import { outcomeOf, stepCall, Trials } from './support/trials.mjs';

const POSTFIX = '/usr/sbin/postfix';
if (!existsSync(POSTFIX)) {
  console.error('There is no Postfix here: apt-get install postfix');
  process.exit(2);
}

const dir = mkdtempSync(join(tmpdir(), 'holdfast-postfix-'));
const trials = new Trials();
const open = [];
let postfix;
try {
  const mailbox = await startMailbox();
  const policy = await startGreylist();
  const port = await freePort();
  await startPostfix({ port, mailbox: mailbox.port, policy: policy.port });
  await tryAll(`smtp://127.0.0.1:${port}`, mailbox, policy);
} finally {
  if (postfix) {
    spawnSync(POSTFIX, ['-c', dir, 'stop'], { stdio: 'ignore' });
    if (postfix.exitCode === null) await once(postfix, 'exit');
  }
  for (const server of open) server.close();
  rmSync(dir, { recursive: true, force: true });
}
process.exit(trials.failed === 0 ? 0 : 1);

async function tryAll(url, mailbox, policy) {
  const version = spawnSync('postconf', ['-d', '-h', 'mail_version'], { encoding: 'utf8' }).stdout.trim();
  console.log(`Postfix ${version}\n\n| what | outcome |\n|---|---|`);
  const from = 'Shop <orders@shop.test>';
  const email = smtpEmail({ url, from });
  const send = (to, mailer = email) =>
    outcomeOf(mailer.send({ to, subject: 'Your order', text: 'It is on its way.' }, stepCall()));
  const arrived = async (to, count) => {
    for (let n = 0; n < 100 && mailbox.count(to) < count; n += 1) await delay(100);
    return mailbox.count(to);
  };

  trials.note('a mail', await send('ada@example.test'), 'ok');
  trials.note(
    'it arrived, with our Message-ID',
    `${await arrived('ada@example.test', 1)} ${mailbox.ids[0]}`,
    /^1 <run_0001\.1\.step@shop\.test>$/,
  );
  for (let n = 0; n < 9; n += 1) await send('ada@example.test');
  const connections = () => readFileSync(join(dir, 'mail.log'), 'utf8').split(': connect from').length - 1;
  await arrived('ada@example.test', 10);
  // one was ours, to see whether it listens
  trials.note('ten mails one after the other: connections', connections() - 1, 1);

  policy.greylists = true;
  trials.note('greylisted by a policy server', await send('new@example.test'), 'unavailable smtp_450');
  trials.note('again at once', await send('new@example.test'), 'unavailable smtp_450');
  await delay(2_000);
  trials.note('again, two seconds later', await send('new@example.test'), 'ok');
  trials.note('arrived', await arrived('new@example.test', 1), 1);
  policy.greylists = false;

  trials.note(
    'an address that the server does not know',
    await send('nobody@example.test'),
    'rejected smtp_550',
  );
  trials.note(
    'a domain that the server does not relay to',
    await send('ada@elsewhere.test'),
    'misconfigured relay_refused',
  );
  const spoofed = smtpEmail({ url, from: 'Shop <orders@refused.test>' });
  trials.note(
    'a sender that the server refuses',
    await send('ada@example.test', spoofed),
    'misconfigured sender_refused',
  );
  await spoofed.close();
  const large = email.send(
    { to: 'ada@example.test', subject: 'Large', text: 'x'.repeat(200_000) },
    stepCall(),
  );
  trials.note('a mail larger than the server takes', await outcomeOf(large), 'rejected mail_not_acceptable');
  trials.note('a name beyond ASCII (SMTPUTF8)', await send('müller@example.test'), 'ok');
  trials.note('a domain beyond ASCII', await send('ada@bücher.test'), 'ok');
  const log = () => readFileSync(join(dir, 'mail.log'), 'utf8');
  for (let n = 0; n < 100 && !log().includes('to=<ada@xn--bcher-kva.test>'); n += 1) await delay(100);
  trials.note(
    'sent on, to its ASCII form',
    /to=<(ada@xn--bcher-kva\.test)>.*status=(\w+)/.exec(log())?.slice(1).join(' '),
    'ada@xn--bcher-kva.test sent',
  );

  await delay(4_000);
  trials.note('after the server has ended the idle connection (421)', await send('ada@example.test'), 'ok');
  await delay(3_000);
  const crowd = Array.from({ length: 8 }, () => smtpEmail({ url, from }));
  const outcomes = await Promise.all(crowd.map((each) => send('ada@example.test', each)));
  const refused = outcomes.filter((outcome) => outcome !== 'ok');
  trials.note(
    'eight connections at once where three are allowed: kinds of outcome',
    [...new Set(outcomes)].toSorted().join(', '),
    /^ok, unavailable smtp_\w+$/,
  );
  await delay(3_000);
  const again = [];
  for (const _ of refused) again.push(await send('ada@example.test'));
  trials.note(`the ${refused.length} that were put off, again`, [...new Set(again)].join(', '), 'ok');
  await Promise.all(crowd.map((each) => each.close()));
  await email.close();
}

/** Where Postfix delivers to. */
async function startMailbox() {
  const mails = [];
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['AUTH', 'STARTTLS'],
    disableReverseLookup: true,
    logger: false,
    onData: (stream, session, done) => {
      buffer(stream).then((bytes) => {
        const id = /^message-id:\s*(\S+)/im.exec(bytes.toString())?.[1];
        mails.push({ to: session.envelope.rcptTo.map(({ address }) => address), id });
        done();
      }, done);
    },
  });
  server.on('error', () => {});
  await once(server.listen(0, '127.0.0.1'), 'listening');
  open.push(server);
  return {
    port: server.server.address().port,
    count: (to) => mails.filter((mail) => mail.to.includes(to)).length,
    get ids() {
      return mails.map(({ id }) => id);
    },
  };
}

/** Postfix' policy protocol: puts off who is new, for a second and a half, as greylisting daemons do for minutes. */
async function startGreylist() {
  const known = new Map();
  const policy = { greylists: false };
  const server = createServer((socket) => {
    let pending = '';
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      pending += chunk;
      for (let end = pending.indexOf('\n\n'); end >= 0; end = pending.indexOf('\n\n')) {
        const asked = new Map(
          pending
            .slice(0, end)
            .split('\n')
            .map((line) => line.split(/=(.*)/s).slice(0, 2)),
        );
        pending = pending.slice(end + 2);
        const pair = `${asked.get('sender')} ${asked.get('recipient')}`;
        if (!known.has(pair)) known.set(pair, Date.now());
        const isNew = policy.greylists && Date.now() - known.get(pair) < 1_500;
        socket.write(`action=${isNew ? 'DEFER_IF_PERMIT Greylisted, see you later' : 'DUNNO'}\n\n`);
      }
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  open.push(server);
  policy.port = server.address().port;
  return policy;
}

async function startPostfix({ port, mailbox, policy }) {
  for (const name of ['spool', 'data']) mkdirSync(join(dir, name));
  spawnSync('chmod', ['755', dir]);
  spawnSync('chown', ['postfix', join(dir, 'data')]);
  const texts = {
    'main.cf': [
      'compatibility_level = 3.6',
      `queue_directory = ${join(dir, 'spool')}`,
      `data_directory = ${join(dir, 'data')}`,
      ...[`maillog_file = ${join(dir, 'mail.log')}`, `maillog_file_prefixes = ${dir}`],
      ...['inet_interfaces = 127.0.0.1', 'inet_protocols = ipv4', 'myhostname = mail.test', 'mynetworks ='],
      ...['mydestination =', 'alias_maps =', 'local_recipient_maps ='],
      ...[
        'relay_domains = example.test, xn--bcher-kva.test',
        `relay_transport = smtp:[127.0.0.1]:${mailbox}`,
      ],
      `relay_recipient_maps = regexp:${join(dir, 'recipients')}`,
      'smtpd_relay_restrictions =',
      `smtpd_sender_restrictions = check_sender_access texthash:${join(dir, 'senders')}`,
      `smtpd_recipient_restrictions = reject_unauth_destination, reject_unlisted_recipient, check_policy_service inet:127.0.0.1:${policy}`,
      ...['message_size_limit = 100000', 'smtpd_timeout = 2s', 'smtpd_client_connection_count_limit = 3'],
      ...['smtputf8_enable = yes', 'smtp_host_lookup = native', 'smtpd_peername_lookup = no'],
    ],
    'master.cf': [
      `127.0.0.1:${port} inet n - n - - smtpd`,
      ...['pickup unix n - n 60 1 pickup', 'cleanup unix n - n - 0 cleanup', 'qmgr unix n - n 300 1 qmgr'],
      ...[
        'rewrite unix - - n - - trivial-rewrite',
        'bounce unix - - n - 0 bounce',
        'defer unix - - n - 0 bounce',
      ],
      ...['trace unix - - n - 0 bounce', 'smtp unix - - n - - smtp', 'error unix - - n - - error'],
      ...['retry unix - - n - - error', 'anvil unix - - n - 1 anvil', 'scache unix - - n - 1 scache'],
      ...[
        'proxymap unix - - n - - proxymap',
        'tlsmgr unix - - n 1000? 1 tlsmgr',
        'postlog unix-dgram n - n - 1 postlogd',
      ],
    ],
    // a recipient is unknown where no line fits
    recipients: ['/^(ada|new|müller)@/ OK'],
    senders: ['refused.test REJECT'],
  };
  for (const [name, lines] of Object.entries(texts)) writeFileSync(join(dir, name), `${lines.join('\n')}\n`);
  postfix = spawn(POSTFIX, ['-c', dir, 'start-fg'], { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  postfix.stderr.on('data', (chunk) => {
    said += chunk;
  });
  for (let n = 0; n < 100; n += 1) {
    if (postfix.exitCode !== null) throw new Error(`Postfix ended: ${said}`);
    if (await listens(port)) return;
    await delay(100);
  }
  throw new Error(`Postfix does not listen: ${said}`);
}

function listens(port) {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('data', () => {
      socket.end('QUIT\r\n');
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
