// Records what this build leaves in Redis when it stops in the middle of everything: runs in every state, for
// packages/engine/test/upgrade.test.ts, which holds that later builds finish them. Run it on a release's own code, before the next
// version's first change; a recording that is there already is never made anew. usage: node scripts/record-upgrade-fixture.mjs
import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { createClient, DEAD_LETTERS, isTerminal, QUEUE_PREFIX } from '@holdfast/engine';
import { createDriver, engineScripts } from '@holdfast/engine/testing';
import { startRedis, waitFor } from '@holdfast/testkit';
import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { upgradeFlows } from '../packages/engine/test/fixtures/upgrade/flows.mjs';
import { FakeProvider } from '../packages/engine/test/fixtures/upgrade/provider.mjs';
import {
  absolute,
  relative,
  restoreSnapshot,
  takeSnapshot,
} from '../packages/engine/test/fixtures/upgrade/snapshot.mjs';

const root = fileURLToPath(new URL('..', import.meta.url)).replace(/\/$/, '');
const fixtures = `${root}/packages/engine/test/fixtures/upgrade`;
const { version } = JSON.parse(readFileSync(`${root}/packages/engine/package.json`, 'utf8'));
const file = `${fixtures}/${version}.json.gz`;
if (existsSync(file)) {
  console.error(`${file} exists. Delete it first if version ${version} has not been released yet.`);
  process.exit(1);
}

/** Goes dead, as its process would, once it has sent a certain script: nothing that follows reaches Redis. */
class CutRedis extends Redis {
  cutAfter;
  #cut = false;

  sendCommand(command, stream) {
    // what is sent before the connection is ready comes here once more when it is
    if (this.status !== 'ready') return super.sendCommand(command, stream);
    if (this.#cut) return command.promise;
    if (['eval', 'evalsha'].includes(command.name)) {
      const [first] = command.args;
      const script = engineScripts.find(({ sha, source }) => first === sha || first === source);
      if (script && script.name === this.cutAfter) this.#cut = true;
    }
    return super.sendCommand(command, stream);
  }
}

const TENANT = 'test';
const redis = await startRedis();
const provider = new FakeProvider();
const answer = (question) => provider.answer(question);
const flows = upgradeFlows(answer);
const runs = {};
const children = [];

function driver({ cutAfter, code, only = () => true, ...options } = {}) {
  const connection = new CutRedis(redis.url, { maxRetriesPerRequest: null });
  connection.on('error', () => {});
  connection.cutAfter = cutAfter;
  return createDriver({
    ...{ connection, retention: '7d', retryScale: 1, random: () => 0, ...options },
    flows: (code ? upgradeFlows(answer, code) : flows).filter(only),
  });
}

const connection = new Redis(redis.url, { maxRetriesPerRequest: null });
await Promise.all(engineScripts.map(({ source }) => connection.script('LOAD', source)));
const client = createClient({ connection, flows });
const main = driver();

const LATER = '60s';
const hangBefore = { is: 'hang', when: 'before' };
const hangAfter = { is: 'hang' };
const lostBefore = { is: 'lost', when: 'before' };
const lostAfter = { is: 'lost' };
const refused = { is: 'rejected', when: 'before' };
const unavailable = { is: 'unavailable', when: 'before' };
const unknown = { is: 'unknown', when: 'before' };
const later = (fault) => ({ ...fault, retryAfter: LATER });
const times = (n, fault) => Array(n).fill(fault);

/** Submits a run. @param faults what goes wrong, by operation */
async function begin(label, flow, { input = {}, faults = {}, using = main } = {}) {
  const contract = flows.find(({ name }) => name === flow) ?? { name: flow };
  const runId = await using.submit(contract, inputOf(flow, label, input), label);
  known(label, runId, flow, faults);
}

function known(label, runId, flow, faults = {}) {
  if (runs[label]) throw new Error(`two runs are called ${label}`);
  runs[label] = { runId, flow };
  for (const [operation, each] of Object.entries(faults))
    for (const who of [label, runId]) provider.fail(who, operation, ...each);
}

function inputOf(flow, label, input) {
  if (flow === 'payment')
    return { amount: 100, currency: 'usd', customerId: 'cus_1', paymentMethod: 'pm_card_visa' };
  if (flow !== 'order') return { label, ...input };
  return {
    customer: { id: 'cus_1', email: 'ada@example.com', name: 'Ada' },
    items: [{ sku: 'TEE-M', quantity: 2, unitAmount: 1900 }],
    currency: 'usd',
    paymentMethod: 'pm_card_visa',
    shipTo: { name: 'Ada', line1: '1 Main St', city: 'Springfield', postalCode: '12345', country: 'US' },
  };
}

/** Submits a run that takes from the payment. */
async function draw(label, amount, faults) {
  const { runId: from, chargeId } = { ...runs['payment-drawn'], ...(await read('payment-drawn')).output };
  const input = { paymentId: from, chargeId, amount, reason: 'asked for' };
  const request = { flow: 'refund', input, tenant: TENANT, idempotencyKey: label, fingerprint: label };
  const reply = await client.submitDrawing(request, { from, amount, limit: 100 });
  known(label, reply.run.id, 'refund', faults);
}

function idOf(label) {
  const { runId } = runs[label] ?? {};
  if (!runId) throw new Error(`no run is called ${label}`);
  return runId;
}

function read(label) {
  return main.read(idOf(label));
}

/** Takes a flow's jobs until the run stands so. */
function bring(label, status, using = main) {
  const { flow } = runs[label];
  return waitFor(
    async () => {
      await using.deliver(flow);
      return (await read(label)).status === status;
    },
    { what: `${label} to be ${status}` },
  );
}

/** Takes the run's job and comes to a call that is never answered. */
async function hang(label, operation, using = driver()) {
  void using.deliver(runs[label].flow).catch(() => {});
  await hangs(label, operation);
}

function hangs(label, operation) {
  const names = [`${label}/${operation}`, `${idOf(label)}/${operation}`];
  return waitFor(() => names.some((name) => provider.hanging.has(name)), {
    what: `${label} to hang in ${operation}`,
  });
}

/** Does something with a process that dies between the journal and the queue. */
async function cut(label, cutAfter, act, there) {
  void act(driver({ cutAfter })).catch(() => {});
  await waitFor(async () => there(await read(label)), { what: `${label} to be cut after ${cutAfter}` });
}

function startChild(...flowNames) {
  const child = fork(`${fixtures}/worker.mjs`, [redis.url, flowNames.join()], { stdio: 'inherit' });
  child.on('message', async ({ id, question }) => {
    const said = await provider.answer(question);
    if (child.connected) child.send({ id, said });
  });
  children.push(child);
  return child;
}

async function recordRuns() {
  await recordEnded();
  await recordWaiting();
  await recordDead();
  await recordDraws();
  await recordOthersCode();
  await recordInterrupted();
  await recordBetween();
}

async function recordEnded() {
  await begin('completed', 'trip');
  await bring('completed', 'completed');
  await begin('completed-after-retry', 'trip', { faults: { hold: [lostAfter], ship: [lostAfter] } });
  await bring('completed-after-retry', 'completed');
  await begin('completed-with-signals', 'waiter', { input: { signals: ['go'] } });
  await bring('completed-with-signals', 'suspended');
  await main.signal(idOf('completed-with-signals'), { id: 'extra', name: 'extra', payload: 1 });
  await main.signal(idOf('completed-with-signals'), { id: 'go', name: 'go', payload: { at: 'dawn' } });
  await bring('completed-with-signals', 'completed');
  await begin('failed', 'trip', { faults: { ship: [refused] } });
  await bring('failed', 'failed');
  await begin('cancelled', 'waiter', { input: { signals: ['go'] } });
  await bring('cancelled', 'suspended');
  await main.cancel(idOf('cancelled'));
  await bring('cancelled', 'cancelled');
  await begin('order-completed', 'order');
  await bring('order-completed', 'completed');
  await begin('order-declined', 'order', { faults: { charge: [refused] } });
  await bring('order-declined', 'failed');
  await begin('order-cancelled', 'order', { faults: { 'buy-label': [later(unavailable)] } });
  await bring('order-cancelled', 'suspended');
  await main.cancel(idOf('order-cancelled'));
  await bring('order-cancelled', 'cancelled');
}

async function recordWaiting() {
  const suspended = async (label, flow, input, faults) => {
    await begin(label, flow, { input, faults });
    await bring(label, 'suspended');
  };
  await suspended('retry', 'trip', {}, { pay: [later(unavailable)] });
  await suspended('retry-in-doubt-before', 'trip', {}, { hold: [later(lostBefore)] });
  await suspended('retry-in-doubt-after', 'trip', {}, { hold: [later(lostAfter)] });
  await suspended('retry-look-up-before', 'trip', {}, { ship: [later(lostBefore)] });
  await suspended('retry-look-up-after', 'trip', {}, { ship: [later(lostAfter)] });
  await suspended(
    'retry-look-up-unknown',
    'trip',
    {},
    { ship: [lostAfter], 'find-ship': [later(lostBefore)] },
  );
  await suspended('retry-halt', 'trip', {}, { stamp: [later(unavailable)] });
  await suspended('throttled', 'trip', {}, { pay: [later({ is: 'throttled', when: 'before' })] });
  await suspended('throttled-unsent', 'trip', {}, { hold: [later({ is: 'unsent', when: 'before' })] });
  await suspended('branches-wait', 'fork', {}, { a: [later(lostAfter)], c: [later(lostAfter)] });
  await suspended('short-in-doubt', 'short', {}, { pay: [later(lostAfter)] });
  await suspended('timer', 'waiter', { sleep: '1m' });
  await suspended('timer-3-days', 'waiter', { sleep: '3d' });
  await suspended('signal', 'waiter', { signals: ['go'] });
  await suspended('signal-in-time', 'waiter', { signals: ['go'], timeout: '1h' });
  await suspended('signal-too-late', 'waiter', { signals: ['go'], timeout: '1m' });
  await suspended('signal-kept', 'waiter', { signals: ['go', 'second'] });
  await main.signal(idOf('signal-kept'), { id: 'early', name: 'second', payload: 2 });
  await bring('signal-kept', 'suspended');
  await suspended('timer-and-signal', 'both', { sleep: '1m' });

  await begin('undo-retry', 'trip', { faults: { ship: [refused], release: [later(unavailable)] } });
  await bring('undo-retry', 'compensating');
  await begin('undo-in-doubt', 'trip', { faults: { ship: [refused], refund: [later(lostAfter)] } });
  await bring('undo-in-doubt', 'compensating');
  await suspended('settling-waits', 'trip', {}, { hold: [later(lostAfter)] });
  await main.cancel(idOf('settling-waits'));
  await bring('settling-waits', 'compensating');

  await begin('child-waits', 'parent', { input: { waits: true } });
  await bring('child-waits', 'suspended');
  await main.deliver('leg');
  await begin('child-dead', 'parent', { faults: {} });
  provider.fail('child-dead.leg', 'walk', ...times(3, unavailable));
  await bring('child-dead', 'suspended');
  while (await main.deliver('leg'));

  await begin('order-ship-retry', 'order', { faults: { 'buy-label': [later(unavailable)] } });
  await bring('order-ship-retry', 'suspended');
  await begin('order-email-in-doubt', 'order', { faults: { send: [later(lostAfter)] } });
  await bring('order-email-in-doubt', 'suspended');
}

async function recordDead() {
  const dead = async (label, flow, faults) => {
    await begin(label, flow, { faults });
    await bring(label, 'dead');
  };
  await dead('dead-exhausted', 'trip', { pay: times(3, unavailable) });
  await dead('dead-exhausted-cancel', 'trip', { ship: times(3, unavailable) });
  await dead('dead-letter-retried', 'trip', { ship: times(3, unavailable) });
  await dead('dead-twice', 'trip', { hold: times(6, unavailable) });
  await main.redrive(idOf('dead-twice'));
  await bring('dead-twice', 'dead');
  await dead('dead-undo-refused', 'trip', { ship: [refused], refund: [refused] });
  await dead('dead-undo-exhausted', 'trip', { ship: [refused], refund: times(3, unavailable) });
  await dead('dead-undo-in-doubt', 'trip', { ship: [refused], refund: times(3, lostAfter) });
  await dead('dead-halt-happened', 'trip', { stamp: [lostAfter] });
  await dead('dead-halt-did-not-happen', 'trip', { stamp: [lostBefore] });
  await dead('dead-halt-cancel', 'trip', { stamp: [lostAfter] });
  await dead('dead-in-doubt', 'trip', { hold: times(3, lostAfter) });
  await dead('dead-in-doubt-cancel', 'trip', { hold: times(3, lostAfter) });
  await dead('dead-look-up', 'trip', { ship: [lostAfter], 'find-ship': times(2, unknown) });
  await dead('dead-look-up-cancel', 'trip', { ship: [lostAfter], 'find-ship': times(2, unknown) });
  await dead('dead-bug', 'trip', { hold: [{ is: 'bug', when: 'before' }] });
  await dead('dead-bug-cancel', 'trip', { hold: [{ is: 'bug' }] });
  await dead('order-ship-dead', 'order', { 'buy-label': [lostAfter], 'find-label': times(7, unknown) });
  await dead('order-refund-dead', 'order', { 'buy-label': [refused], 'refund-charge': [refused] });

  // their workers died in the middle of an effect of which there is no record
  for (const label of ['dead-poison', 'poison-cancel']) {
    await begin(label, 'trip', { faults: { pay: [hangAfter] } });
    await hang(label, 'pay');
    await driver({ poisonAfter: 1 }).drive(idOf(label));
  }
  await begin('short-dead-happened', 'short', { faults: { pay: [hangAfter] } });
  await hang('short-dead-happened', 'pay');
  await begin('short-dead-did-not-happen', 'short', { faults: { pay: [hangBefore] } });
  await hang('short-dead-did-not-happen', 'pay');
  await delay(1_100);
  await main.drive(idOf('short-dead-happened'));
  await main.drive(idOf('short-dead-did-not-happen'));
}

async function recordDraws() {
  await begin('payment-drawn', 'payment');
  await bring('payment-drawn', 'completed');
  await begin('payment-failed', 'payment', { faults: { charge: [refused] } });
  await bring('payment-failed', 'failed');
  await draw('refund-settled', 10);
  await bring('refund-settled', 'completed');
  await draw('refund-given-back', 20, { 'refund-charge': [refused] });
  await bring('refund-given-back', 'failed');
  await draw('refund-waits', 5, { 'refund-charge': [later(lostAfter)] });
  await bring('refund-waits', 'suspended');
}

/** Versions, and code that was changed without one. */
async function recordOthersCode() {
  const first = driver({ only: (flow) => flow.name !== 'versioned' || flow.version === 1 });
  await begin('version-1-waits', 'versioned', { using: first });
  await bring('version-1-waits', 'suspended');
  await begin('version-2-waits', 'versioned');
  await bring('version-2-waits', 'suspended');

  const go = { id: 'go', name: 'go', payload: null };
  await begin('dead-incompatible', 'changed');
  await bring('dead-incompatible', 'suspended');
  await main.signal(idOf('dead-incompatible'), go);
  await bring('dead-incompatible', 'dead', driver({ code: { changed: true } }));
  await begin('reworked-dead', 'reworked');
  const before = driver({ code: { reworked: true } });
  await bring('reworked-dead', 'suspended', before);
  await main.signal(idOf('reworked-dead'), go);
  await bring('reworked-dead', 'dead');

  const having = driver({ code: { gone: true } });
  const gone = upgradeFlows(answer, { gone: true }).find(({ name }) => name === 'gone');
  known('gone-dead', await having.submit(gone, { label: 'gone-dead' }, 'gone-dead'), 'gone', {
    tell: times(3, unavailable),
  });
  await bring('gone-dead', 'suspended', having);
  await main.signal(idOf('gone-dead'), go);
  await bring('gone-dead', 'dead', having);
}

/** Workers that stop or are killed while they have runs. */
async function recordInterrupted() {
  const hanging = [];
  const interrupted = async (label, flow, operation, faults, input) => {
    await begin(label, flow, { input, faults });
    hanging.push([label, operation]);
  };
  for (const [when, fault] of [
    ['before', hangBefore],
    ['after', hangAfter],
  ]) {
    for (const operation of ['pay', 'hold', 'ship', 'stamp', 'tell'])
      await interrupted(`killed-${operation}-${when}`, 'trip', operation, { [operation]: [fault] });
    for (const operation of ['pay', 'hold', 'ship', 'stamp'])
      await interrupted(`killed-${operation}-${when}-cancel`, 'trip', operation, { [operation]: [fault] });
    await interrupted(`killed-undo-${when}`, 'trip', 'refund', { ship: [refused], refund: [fault] });
    await interrupted(`killed-retry-${when}`, 'trip', 'pay', { pay: [unavailable, fault] });
    await interrupted(`killed-settling-${when}`, 'fork', 'a', {
      a: [fault.when ? lostBefore : lostAfter, hangAfter],
      b: [refused],
    });
  }
  await interrupted('retry-killed-cancel', 'trip', 'pay', { pay: [unavailable, hangAfter] });
  await interrupted('killed-look-up', 'trip', 'find-ship', { ship: [lostAfter], 'find-ship': [hangBefore] });
  const branches = { a: [hangAfter], b: [hangBefore], c: [hangAfter], d: [hangBefore] };
  await interrupted('killed-branches', 'fork', 'd', branches);
  await interrupted('killed-branches-cancel', 'fork', 'd', branches);
  await interrupted('killed-branch-beside-ended', 'fork', 'c', { b: [hangAfter], c: [hangAfter] });
  await interrupted('short-killed', 'short', 'pay', { pay: [hangAfter] });
  await interrupted('short-find-killed', 'short-find', 'pay', { pay: [hangAfter] });
  await begin('child-killed', 'parent');
  provider.fail('child-killed.leg', 'walk', hangAfter);
  await interrupted('parent-killed-cancel', 'parent', 'tell', { tell: [hangAfter] });
  await interrupted('order-charge-killed', 'order', 'charge', { charge: [hangAfter] });
  await interrupted('order-charged-killed', 'order', 'reserve', { reserve: [hangBefore] });
  await interrupted('order-ship-killed', 'order', 'buy-label', { 'buy-label': [hangAfter] });
  await interrupted('payment-killed', 'payment', 'charge', { charge: [hangAfter] });
  await draw('refund-killed', 3, { 'refund-charge': [hangAfter] });
  hanging.push(['refund-killed', 'refund-charge']);
  for (const operation of ['pay', 'ship', 'stamp'])
    await interrupted(`drained-${operation}`, 'drained', operation, { [operation]: [hangAfter] });
  await interrupted('drained-cancel', 'drained', 'pay', { pay: [hangAfter] });
  await interrupted('drained-branches', 'drained-fork', 'd', branches);

  const killed = startChild(...'trip fork short short-find parent leg order payment refund'.split(' '));
  const drained = startChild('drained', 'drained-fork');
  for (const [label, operation] of hanging) await hangs(label, operation);
  await waitFor(() => provider.hanging.has('child-killed.leg/walk'), { what: 'the child to hang' });
  const letters = new Queue(DEAD_LETTERS, { connection, prefix: QUEUE_PREFIX });
  await waitFor(async () => (await letters.getJobCountByTypes('waiting', 'active')) === 0, {
    what: 'the letters to be taken',
  });
  await letters.close();
  await Promise.all([once(drained, 'exit'), drained.send({ stop: true })]);
  await Promise.all([once(killed, 'exit'), killed.kill('SIGKILL')]);
  for (const [label] of hanging) if (label.endsWith('-cancel')) await main.cancel(idOf(label));

  // what was in doubt is known to nobody any more: its owner was parked for another reason
  await begin('forgotten-by-hand-back', 'trip', { faults: { pay: [hangAfter] } });
  await hang('forgotten-by-hand-back', 'pay');
  await driver({ draining: () => true }).drive(idOf('forgotten-by-hand-back'));
  await main.cancel(idOf('forgotten-by-hand-back'));
  await begin('forgotten-by-settling', 'fork', {
    faults: { a: [hangAfter, later(lostAfter)], b: [hangAfter], c: [hangBefore], d: [hangBefore] },
  });
  await hang('forgotten-by-settling', 'd');
  await main.cancel(idOf('forgotten-by-settling'));
  await main.drive(idOf('forgotten-by-settling'));
}

/** What no worker has taken yet, and what was cut between the journal and the queue. */
async function recordBetween() {
  const go = { id: 'go', name: 'go', payload: { at: 'noon' } };
  const waiting = async (label, input) => {
    await begin(label, 'waiter', { input });
    await bring(label, 'suspended');
  };
  const dead = async (label, faults) => {
    await begin(label, 'trip', { faults });
    await bring(label, 'dead');
  };
  await waiting('signal-delivered', { signals: ['go'] });
  await waiting('signal-delivered-cut', { signals: ['go'] });
  await waiting('cancel-suspended', { signals: ['go'] });
  await waiting('cancel-suspended-cut', { signals: ['go'] });
  await waiting('cancel-timer', { sleep: '3d' });
  await begin('cancel-retry-in-doubt', 'trip', { faults: { hold: [later(lostAfter)] } });
  await bring('cancel-retry-in-doubt', 'suspended');
  for (const label of ['redriven', 'redriven-cut', 'dead-cancel-asked']) {
    await dead(label, { ship: times(3, unavailable) });
  }
  for (const label of ['resolved', 'resolved-cut']) await dead(label, { stamp: [lostAfter] });
  for (const label of ['rerun', 'rerun-cut']) {
    await begin(label, 'trip');
    await bring(label, 'completed');
  }
  await begin('child-not-told', 'parent');
  await bring('child-not-told', 'suspended');
  await legCut('child-not-told', 'completed');
  await begin('child-failed-not-told', 'parent');
  provider.fail('child-failed-not-told.leg', 'arrive', refused);
  await bring('child-failed-not-told', 'suspended');
  await legCut('child-failed-not-told', 'failed');

  await begin('child-cancelled', 'parent', { input: { waits: true } });
  await bring('child-cancelled', 'suspended');
  await main.deliver('leg');
  await main.cancel(idOf('child-cancelled'));
  await bring('child-cancelled', 'compensating');

  await begin('dead-letter-waiting', 'trip', { faults: { hold: times(3, unavailable) } });
  await bring('dead-letter-waiting', 'dead');
  await begin('dead-without-letter', 'trip', { faults: { hold: [{ is: 'bug', when: 'before' }] } });
  await cut(
    'dead-without-letter',
    'bury-run',
    (using) => using.deliver('trip'),
    (run) => run.status === 'dead',
  );
  await begin('suspended-cut', 'waiter', { input: { sleep: '1m' } });
  await cut(
    'suspended-cut',
    'suspend-run',
    (using) => using.deliver('waiter'),
    (run) => run.status === 'suspended',
  );
  await begin('completed-cut', 'short');
  await cut(
    'completed-cut',
    'finish-run',
    (using) => using.deliver('short'),
    (run) => run.status === 'completed',
  );
  await begin('drained-between-steps', 'trip');
  const hasPaid = () => provider.ledger.some(({ runId }) => runId === idOf('drained-between-steps'));
  await driver({ draining: hasPaid }).deliver('trip');
  assert.ok(hasPaid());

  const first = driver({ only: (flow) => flow.name !== 'versioned' || flow.version === 1 });
  await begin('version-1-missing', 'versioned', { using: first });
  await driver({ only: (flow) => flow.name !== 'versioned' || flow.version === 2 }).deliver('versioned');
  await begin('version-1-pending', 'versioned', { using: first });

  await main.signal(idOf('signal-delivered'), go);
  await cut(
    'signal-delivered-cut',
    'deliver-signal',
    (using) => using.signal(idOf('signal-delivered-cut'), go),
    hasSignal,
  );
  for (const label of ['cancel-suspended', 'cancel-timer', 'cancel-retry-in-doubt', 'dead-cancel-asked'])
    await main.cancel(idOf(label));
  await cut(
    'cancel-suspended-cut',
    'cancel-run',
    (using) => using.cancel(idOf('cancel-suspended-cut')),
    isCancelled,
  );
  await main.redrive(idOf('redriven'));
  await cut('redriven-cut', 'redrive-run', (using) => using.redrive(idOf('redriven-cut')), isPending);
  const resolve = (label) => ({
    step: 'stamp',
    outcome: 'happened',
    result: provider.resultOf(`${idOf(label)}:1:stamp`),
  });
  await main.resolve(idOf('resolved'), resolve('resolved'));
  await cut(
    'resolved-cut',
    'resolve-step',
    (using) => using.resolve(idOf('resolved-cut'), resolve('resolved-cut')),
    isPending,
  );
  await main.rerun(idOf('rerun'));
  await cut('rerun-cut', 'rerun-run', (using) => using.rerun(idOf('rerun-cut')), isPending);
  await begin('pending', 'trip');
  await begin('order-pending', 'order');
  await begin('payment-pending', 'payment');
  await draw('refund-pending', 7);
  const contract = flows.find(({ name }) => name === 'trip');
  void driver({ cutAfter: 'create-run' })
    .submit(contract, { label: 'pending-cut' }, 'pending-cut')
    .catch(() => {});
  const found = await waitFor(() => client.findByKey(TENANT, 'trip', 'pending-cut'), { what: 'pending-cut' });
  known('pending-cut', found.id, 'trip');
}

const isPending = (run) => run.status === 'pending';
const hasSignal = (run) => run.signals.length > 0;
const isCancelled = (run) => run.events.some(({ is }) => is === 'cancel_requested');

/** All of a run that has ended; of another one, where it stands. */
function viewOf(run) {
  if (isTerminal(run.status)) return run;
  const { status, generation, deaths, waitingFor, error } = run;
  const { kind, code, step } = error ?? {};
  return { status, generation, deaths, waitingFor, ...(error && { error: { kind, code, step } }) };
}

/** The parent's child ends, and its worker dies before it tells the parent. */
async function legCut(label, status) {
  void driver({ cutAfter: 'finish-run' })
    .deliver('leg')
    .catch(() => {});
  await waitFor(
    async () =>
      (await legs()).some(({ input, ...leg }) => input.label === `${label}.leg` && leg.status === status),
    {
      what: `the child of ${label} to be ${status}`,
    },
  );
}

async function legs() {
  return (await client.listRuns(TENANT, { flow: 'leg', limit: 100 })).runs;
}

try {
  await recordRuns();
  for (const leg of await legs()) known(leg.input.label, leg.id, 'leg');
  const { takenAt, keys } = await takeSnapshot(connection);
  const views = {};
  for (const [label, run] of Object.entries(runs))
    views[label] = { ...run, seen: relative(viewOf(await read(label)), takenAt) };
  await checkRestored(keys);
  const recording = { version, runs: views, ledger: provider.ledger, keys };
  writeFileSync(file, gzipSync(JSON.stringify(recording).replaceAll(root, '/srv/holdfast')));
  console.log(`${Object.keys(runs).length} runs, ${Object.keys(keys).length} keys, in ${file}`);
} finally {
  for (const child of children) child.kill('SIGKILL');
  await redis.stop();
}
process.exit(0);

/** What is kept comes back as it was. */
async function checkRestored(keys) {
  const other = await startRedis();
  const empty = new Redis(other.url);
  try {
    const restoredAt = await restoreSnapshot(empty, keys);
    const again = await takeSnapshot(empty);
    const timeless = (kept, at) =>
      Object.entries(absolute(kept, at)).map(([name, { expiresInMs, ...value }]) => [
        name,
        value,
        expiresInMs === undefined,
      ]);
    assert.deepEqual(timeless(again.keys, again.takenAt), timeless(keys, restoredAt));
  } finally {
    empty.disconnect();
    await other.stop();
  }
}
