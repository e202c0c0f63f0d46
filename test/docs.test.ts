import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { type Client, createClient, type Flow, type Run, startWorker, type Worker } from '@holdfast/engine';
import { startRedis, type TestRedis, waitFor } from '@holdfast/testkit';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkout } from '../docs/examples/checkout.ts';
import { runIt } from '../docs/examples/run-it.ts';
import { crm, mail, world } from '../docs/examples/services.ts';
import { importPage } from '../docs/examples/state.ts';
import { basket, bundle, spend, trial } from '../docs/examples/waiting.ts';

const root = new URL('../', import.meta.url);
const read = (path: string) => readFileSync(new URL(path, root), 'utf8');

/** Every `#region` of the examples, without its indentation. */
const regions = ['docs/examples/', 'examples/own-provider/', 'examples/saga/']
  .flatMap(filesIn)
  .flatMap((file) =>
    [...read(file).matchAll(/^( *)\/\/ #region [\w-]+\n([\s\S]*?)^ *\/\/ #endregion/gm)].map(
      ([, indent = '', code = '']) => code.replaceAll(new RegExp(`^${indent}`, 'gm'), '').trim(),
    ),
  );

function filesIn(folder: string): string[] {
  return readdirSync(new URL(folder, root), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !file.includes('node_modules'))
    .map((file) => `${folder}${file}`);
}

describe('every piece of TypeScript in the docs is one that is compiled and run here', () => {
  it.each([
    'README.md',
    'docs/writing-flows.md',
    'docs/guarantees.md',
    'docs/own-provider.md',
    'docs/connectors.md',
  ])('%s', (page) => {
    const blocks = [...read(page).matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code = '']) => code.trim());
    expect(blocks.length).toBeGreaterThan(0);
    for (const block of blocks) expect(regions).toContain(block);
  });
});

describe('the examples', () => {
  const flows = [checkout, trial, spend, importPage, bundle, basket];
  const log = { debug() {}, info() {}, warn() {}, error() {} };
  let redis: TestRedis;
  let connection: Redis;
  let client: Client;
  let worker: Worker;
  beforeAll(async () => {
    redis = await startRedis();
    connection = new Redis(redis.url, { maxRetriesPerRequest: null });
    client = createClient({ connection, flows });
    worker = startWorker({ connection, redisUrls: [redis.url], flows, log });
  });
  afterAll(async () => {
    await worker.close();
    await client.close();
    connection.disconnect();
    await redis.stop();
  });

  let submitted = 0;
  async function submit(flow: Flow, input: unknown): Promise<string> {
    const key = `key-${++submitted}`;
    const reply = await client.submit({
      flow: flow.name,
      input,
      tenant: 't',
      idempotencyKey: key,
      fingerprint: key,
    });
    if (reply.outcome === 'key_reused') throw new Error('key reused');
    return reply.run.id;
  }
  async function ended<S extends Run['status']>(
    runId: string,
    status: S,
  ): Promise<Extract<Run, { status: S }>> {
    const run = await client.waitForEnd('t', runId, 10_000);
    expect(run?.status).toBe(status);
    return run as Extract<Run, { status: S }>;
  }

  it('checkout charges and ships, and refunds what cannot be shipped', async () => {
    const run = await runIt(redis.url);
    expect(run).toMatchObject({ status: 'completed', output: { tracking: `T-${run?.id}.1.ship` } });
    const refused = await ended(await submit(checkout, { amount: 1, address: 'nowhere' }), 'failed');
    expect(refused.error.code).toBe('invalid_address');
    expect([...world.refunds]).toEqual([`${refused.id}:1:charge:undo`]);
  });

  it('trial waits for an answer, and for no longer than it should', async () => {
    const kept = await submit(trial, { email: 'ada@example.com', days: 1 });
    await client.signal('t', kept, { id: 'a-1', name: 'answer', payload: { keep: true } });
    expect((await ended(kept, 'completed')).output).toEqual({ kept: true });
    const silent = await submit(trial, { email: 'bob@example.com', days: 1 });
    expect((await ended(silent, 'completed')).output).toEqual({ kept: false });
    expect(mail.sent.toSorted()).toEqual(['ada@example.com', 'bob@example.com']);
  });

  it('spend is approved by whoever has the URL', async () => {
    const run = await submit(spend, { approver: 'cfo@example.com' });
    const url = await waitFor(() => mail.texts.find((text) => text.includes('/v1/callbacks/')), {
      what: 'the mail',
    });
    const outcome = { result: { approvedBy: 'cfo' }, fingerprint: '1' };
    expect(await client.completeCallback(String(url.split('/').at(-1)), outcome)).toBe('completed');
    expect((await ended(run, 'completed')).output).toEqual({ approvedBy: 'cfo' });
  });

  it('importPage goes on where the run before has ended', async () => {
    for (const next of [2, 3]) {
      const run = await ended(await submit(importPage, { source: 'crm' }), 'completed');
      expect(run.output).toEqual({ next });
    }
    expect(crm.loaded).toEqual(['crm 1', 'crm 2']);
  });

  it('bundle charges side by side, and takes all back when one is declined', async () => {
    const run = await ended(await submit(bundle, { amounts: [1, 2, 3] }), 'completed');
    expect((run.output as { charges: string[] }).charges).toHaveLength(3);
    const before = world.refunds.size;
    await ended(await submit(bundle, { amounts: [1, 2_000_000, 3] }), 'failed');
    expect(world.refunds.size - before).toBe(2);
  });

  it('basket takes the output of its child', async () => {
    const run = await ended(await submit(basket, { amount: 5, address: 'here' }), 'completed');
    expect(run.output).toHaveProperty('tracking');
  });
});

describe('links between pages', () => {
  const pages = ['README.md', 'CONTRIBUTING.md', 'ARCHITECTURE.md', ...pagesIn('docs/')];

  it.each(pages)('%s leads nowhere that is not there', (page) => {
    const dead = [...read(page).matchAll(/\]\(([^)\s]+)\)/g)]
      .map(([, target = '']) => target)
      .filter((target) => !/^(https?:|mailto:|\/)/.test(target))
      .filter((target) => !isThere(page, target));
    expect(dead).toEqual([]);
  });

  it('docs/README.md leads to every page', () => {
    const index = read('docs/README.md');
    const missing = pagesIn('docs/')
      .filter((page) => page !== 'docs/README.md' && !page.startsWith('docs/decisions/'))
      .filter((page) => !index.includes(`(${page.slice('docs/'.length)})`));
    expect(missing).toEqual([]);
  });

  function pagesIn(folder: string): string[] {
    return readdirSync(new URL(folder, root), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.md'))
      .map((file) => `${folder}${file}`);
  }

  function isThere(page: string, target: string): boolean {
    const [path = '', anchor] = target.split('#');
    const file = path === '' ? new URL(page, root) : new URL(path, new URL(page, root));
    if (!existsSync(file)) return false;
    if (anchor === undefined || !file.pathname.endsWith('.md')) return true;
    const text = readFileSync(file, 'utf8').replaceAll(/```[\s\S]*?```/g, '');
    return [...text.matchAll(/^#+ (.+)$/gm)].some(([, heading = '']) => anchorOf(heading) === anchor);
  }

  /** As GitHub makes it. */
  function anchorOf(heading: string): string {
    return heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-');
  }
});
