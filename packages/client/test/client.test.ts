import { afterAll, beforeAll, expect, expectTypeOf, test } from 'vitest';
import { HoldfastClient, HoldfastError } from '../src/index.ts';
import type { config } from './support/flows.ts';
import { KEY, startSystem } from './support/system.ts';

let system: Awaited<ReturnType<typeof startSystem>>;
let client: HoldfastClient<typeof config>;

beforeAll(async () => {
  system = await startSystem();
  client = new HoldfastClient({ url: `${system.url}/`, apiKey: KEY });
});
afterAll(() => system.stop());

/** A client whose first answers are lost after the server has given them. */
function losing(answers: number) {
  const keys: (string | null)[] = [];
  const lossy = new HoldfastClient<typeof config>({
    url: system.url,
    apiKey: KEY,
    async fetch(request) {
      keys.push(request.headers.get('idempotency-key'));
      const response = await fetch(request);
      if (keys.length <= answers) throw new TypeError('fetch failed');
      return response;
    },
  });
  return { lossy, keys };
}

async function errorOf(call: Promise<unknown>): Promise<HoldfastError> {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof HoldfastError) return error;
  throw new Error(`expected a HoldfastError, got ${error}`);
}

test("submits a flow and waits for its output, both of the flow's types", async () => {
  const run = await client.submit('greet', { name: 'Ada' });
  const ended = await client.wait(run, { timeout: '10s' });
  expectTypeOf(ended.output).toEqualTypeOf<{ greeting: string } | undefined>();
  expect(ended).toMatchObject({ id: run.id, status: 'completed', output: { greeting: 'Hello Ada' } });
  // @ts-expect-error a flow of another name
  expect((await errorOf(client.submit('unknown', {}))).code).toBe('flow_unknown');
});

test('a run that failed resolves', async () => {
  const run = await client.submit('greet', { name: 'nobody' });
  expect(await client.wait(run.id)).toMatchObject({ status: 'failed', error: { code: 'nobody_there' } });
});

test('a wait is told of the end, and asks for the run itself only where no events can be had', async () => {
  const asked: string[] = [];
  const waiting = (mayFollow: boolean) =>
    new HoldfastClient<typeof config>({
      url: system.url,
      apiKey: KEY,
      async fetch(request) {
        const { pathname } = new URL(request.url);
        if (request.method === 'GET') asked.push(pathname.replace(/run_[0-9a-f]+/, 'id'));
        if (!mayFollow && pathname.endsWith('/events')) return new Response('', { status: 502 });
        return fetch(request);
      },
    });
  for (const mayFollow of [true, false]) {
    const run = await client.submit('approve', { amount: 1 });
    const ended = waiting(mayFollow).wait(run, { timeout: '20s' });
    await new Promise((resolve) => setTimeout(resolve, 500));
    await client.signal(run.id, 'approved', 'Ada');
    expect((await ended).output).toEqual({ by: 'Ada' });
    if (mayFollow) expect(asked.splice(0)).toEqual(['/v1/runs/id/events']);
    else expect(asked).toContain('/v1/runs/id');
  }
});

test('keeps the key that it made over its own retries, so that a lost answer makes no second run', async () => {
  const { lossy, keys } = losing(2);
  const run = await lossy.submit('greet', { name: 'Bea' });
  expect(keys).toHaveLength(3);
  expect(new Set(keys)).toEqual(new Set([run.idempotencyKey]));
});

test('the same key is the same run, and another input under it is refused', async () => {
  const options = { idempotencyKey: 'client-1' };
  const first = await client.submit('greet', { name: 'Cy' }, options);
  expect((await client.submit('greet', { name: 'Cy' }, options)).id).toBe(first.id);
  const error = await errorOf(client.submit('greet', { name: 'Di' }, options));
  expect(error).toMatchObject({ status: 422, code: 'idempotency_key_reused' });
});

test('a run can start later, and is found by its tags', async () => {
  const startAt = new Date(Date.now() + 3_600_000);
  const run = await client.submit('greet', { name: 'Eli' }, { tags: { team: 'blue' }, startAt, priority: 9 });
  expect(run).toMatchObject({
    status: 'suspended',
    waitingFor: { kind: 'start', until: startAt.toISOString() },
  });
  const found: string[] = [];
  for await (const { id } of client.list({ tag: 'team:blue' })) found.push(id);
  expect(found).toEqual([run.id]);
  await client.cancel(run.id);
  expect((await client.wait(run)).status).toBe('cancelled');
});

test('a problem carries each fault', async () => {
  // @ts-expect-error no name
  const error = await errorOf(client.submit('greet', {}));
  expect(error).toMatchObject({ status: 422, code: 'validation_failed', errors: [{ path: 'name' }] });
});

test('a wait ends with wait_timeout, and the run goes on', async () => {
  const run = await client.submit('approve', { amount: 1 });
  expect((await errorOf(client.wait(run, { timeout: 200 }))).code).toBe('wait_timeout');
  await client.signal(run.id, 'approved', 'Ada');
  expect((await client.wait(run)).output).toEqual({ by: 'Ada' });
});

test('cancels and reruns', async () => {
  const run = await client.submit('approve', { amount: 2 });
  await client.cancel(run.id);
  expect((await client.wait(run)).status).toBe('cancelled');
  expect((await client.rerun(run.id)).generation).toBe(2);
  expect((await errorOf(client.rerun(run.id))).code).toBe('run_not_finished');
});

test('a rerun whose answer was lost is not sent again', async () => {
  const run = await client.submit('greet', { name: 'Eve' });
  await client.wait(run);
  const { lossy, keys } = losing(1);
  expect((await errorOf(lossy.rerun(run.id))).code).toBe('network_failed');
  expect(keys).toHaveLength(1);
});

test('lists every run that fits, over pages', async () => {
  const ids: string[] = [];
  for (const name of ['p1', 'p2', 'p3']) {
    ids.push((await client.submit('approve', { amount: 3 }, { idempotencyKey: `page-${name}` })).id);
  }
  const seen: string[] = [];
  for await (const run of client.list({ flow: 'approve', limit: 2 })) seen.push(run.id);
  expect(seen).toEqual(expect.arrayContaining(ids));
  expect(new Set(seen).size).toBe(seen.length);
});

test('follows the events of a run to its end, and goes on after the last one when the connection breaks', async () => {
  const lastIds: (string | null)[] = [];
  let breakOff = () => {};
  const broken = new HoldfastClient<typeof config>({
    url: system.url,
    apiKey: KEY,
    async fetch(request) {
      lastIds.push(request.headers.get('last-event-id'));
      if (lastIds.length > 1) return fetch(request);
      const dying = new AbortController();
      breakOff = () => dying.abort(new TypeError('terminated'));
      return fetch(request, { signal: dying.signal });
    },
  });
  const run = await client.submit('approve', { amount: 4 });
  const seen: string[] = [];
  for await (const { status } of broken.events(run.id)) {
    if (seen.length === 0) {
      breakOff();
      await client.signal(run.id, 'approved', 'Fay');
    }
    seen.push(status);
  }
  expect(seen.at(-1)).toBe('completed');
  expect(lastIds[0]).toBeNull();
  expect(lastIds[1]).toMatch(/./);
});

test('events of a run that does not exist are an error', async () => {
  const none = `run_${'0'.repeat(26)}`;
  expect((await errorOf(client.events(none).next())).status).toBe(404);
});

test('a server that cannot be reached is network_failed after the retries', async () => {
  const away = new HoldfastClient({ url: 'http://127.0.0.1:1', apiKey: KEY, retries: 1 });
  expect(await errorOf(away.get('run_1'))).toMatchObject({ status: 0, code: 'network_failed' });
});
