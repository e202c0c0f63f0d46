import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { holdfast } from './support/run-cli.ts';

const BIN = fileURLToPath(new URL('../../../packages/holdfast/bin/holdfast.mjs', import.meta.url));

const run = (n: number) => ({
  ...{ id: `run_${n}`, flow: 'order', version: 1, generation: 1, status: 'dead', idempotencyKey: `k${n}` },
  error: { code: 'unavailable', message: 'shipping did not answer', step: 'ship', kind: 'exhausted' },
  steps: [
    { name: 'charge', status: 'completed', attempts: 1, startedAt: '2026-03-02T03:12:00.000Z' },
    { name: 'ship', status: 'in_doubt', attempts: 8, startedAt: '2026-03-02T03:12:01.000Z' },
  ],
  ...{ createdAt: '2026-03-02T03:12:00.000Z', updatedAt: '2026-03-02T03:14:00.000Z' },
});

const asked: { line: string; accept: string | undefined; body: unknown }[] = [];
let respond: (body: { dryRun?: true }, response: ServerResponse, url: URL) => void;
let env: Record<string, string>;
const server = createServer(async (request, response) => {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  const body = chunks.length === 0 ? {} : JSON.parse(Buffer.concat(chunks).toString());
  const url = new URL(String(request.url), 'http://api');
  asked.push({ line: `${request.method} ${request.url}`, accept: request.headers.accept, body });
  respond(body, response, url);
});
const json = (response: ServerResponse, body: unknown, status = 200) => {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
};
beforeAll(async () => {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  env = { HOLDFAST_API_URL: `http://127.0.0.1:${port}`, HOLDFAST_API_KEY: 'hf_test_key' };
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});
beforeEach(() => {
  asked.length = 0;
});

describe('lists', () => {
  /** Pages of two, though more were asked for: as when few of those looked at fit. */
  const pages = (total: number) => {
    respond = (_body, response, url) => {
      const from = Number(url.searchParams.get('cursor') ?? 0);
      const to = Math.min(from + Math.min(2, Number(url.searchParams.get('limit'))), total);
      const data = Array.from({ length: to - from }, (_, i) => run(from + i));
      json(response, { data, ...(to < total && { nextCursor: String(to) }) });
    };
  };

  test('runs list asks for what fits, until it has as many as it should; then it says where to go on', async () => {
    pages(7);
    const filter = ['--flow', 'order', '--status', 'dead', '--key', 'a b', '--since', '2026-03-02'];
    const { code, out } = await holdfast(['runs', 'list', ...filter, '--limit', '3'], env);
    expect(code).toBe(0);
    const query = { flow: 'order', status: 'dead', key: 'a b', since: '2026-03-02T00:00:00.000Z' };
    const queries = asked.map(({ line }) =>
      Object.fromEntries(new URL(line.slice(4), 'http://api').searchParams),
    );
    expect(queries).toEqual([
      { ...query, limit: '3' },
      { ...query, limit: '1', cursor: '2' },
    ]);
    expect(out).toMatch(/^ {2}run +flow +status +since +why$/m);
    expect(out).toMatch(/^ {2}run_2 +order +dead +2026-03-02T03:14:00.000Z +ship: shipping did not answer/m);
    expect(out).toContain('--cursor 3');
  });

  test('--all has all of them; --json is what the API would say', async () => {
    pages(5);
    const { out } = await holdfast(['dead-letters', 'list', '--all', '--json'], env);
    expect(JSON.parse(out)).toEqual({ data: [0, 1, 2, 3, 4].map(run) });
    pages(0);
    expect(await holdfast(['dead-letters', 'list'], env)).toEqual({
      ...{ code: 0, out: 'No dead letters.\n', err: '' },
    });
  });

  test('an age is the time that long ago; what is neither is not understood', async () => {
    pages(0);
    await holdfast(['runs', 'list', '--until', '2h'], env);
    const before = new URL(String(asked[0]?.line.split(' ')[1]), 'http://api').searchParams.get('until');
    expect(Math.abs(Date.parse(String(before)) - (Date.now() - 7_200_000))).toBeLessThan(5_000);
    for (const args of [
      ['--until', 'soon'],
      ['--limit', '0'],
      ['--status', 'lost'],
    ]) {
      expect((await holdfast(['runs', 'list', ...args], env)).code).toBe(2);
    }
  });

  test('what the API finds wrong is told with its place, and what to do, in three lines', async () => {
    respond = (_body, response) => {
      const errors = [{ path: 'limit', message: 'too much' }];
      json(response, { code: 'query_invalid', detail: 'The query does not fit.', errors }, 400);
    };
    expect((await holdfast(['runs', 'list'], env)).err).toBe(
      'The query does not fit. (query_invalid)\nlimit: too much\n',
    );
    respond = (_body, response) => json(response, { code: 'scope_missing', detail: 'No.' }, 403);
    expect((await holdfast(['runs', 'list'], env)).err).toMatch(
      /^No\. \(scope_missing\)\nSet HOLDFAST_API_KEY .*\n$/,
    );
  });
});

describe('ids', () => {
  const ids = [`run_da22${'0'.repeat(28)}`, `run_da23${'1'.repeat(28)}`, `run_da22${'0'.repeat(24)}1f3c`];
  const serve = () => {
    respond = (_body, response, url) => {
      const id = url.pathname.split('/')[3];
      if (id) return json(response, { ...run(1), id, status: 'completed' });
      const data = ids.map((each) => ({ ...run(1), id: each }));
      json(response, url.pathname === '/v1/runs' ? { data } : { data: [] });
    };
  };

  test.each([
    ['run_da23', ids[1]],
    ['run_da22…1f3c', ids[2]],
    [ids[0] ?? '', ids[0]],
  ])('%s is %s', async (text, id) => {
    serve();
    const { code, out } = await holdfast(['runs', 'show', text], env);
    expect({ code, out: out.split('  ')[0] }).toEqual({ code: 0, out: id });
  });

  test('one that several begin with, or none, is said', async () => {
    serve();
    const several = await holdfast(['runs', 'show', 'run_da22'], env);
    expect(several).toMatchObject({
      code: 2,
      err: expect.stringContaining('Several runs start with run_da22'),
    });
    const none = await holdfast(['runs', 'show', 'run_ffff'], env);
    expect(none).toMatchObject({ code: 1, err: expect.stringContaining('starts with run_ffff') });
  });
});

test('an empty list says whose runs were looked through', async () => {
  respond = (_body, response) =>
    response
      .writeHead(200, { 'content-type': 'application/json', 'holdfast-tenant': 'dev' })
      .end(JSON.stringify({ data: [] }));
  expect((await holdfast(['runs', 'list'], env)).out).toBe('No runs of tenant `dev` fit.\n');
  expect((await holdfast(['dead-letters', 'list'], env)).out).toBe('No dead letters of tenant `dev`.\n');
  expect((await holdfast(['dead-letters', 'list', '--code', 'x'], env)).out).toBe(
    'No dead letters of tenant `dev` match.\n',
  );
});

test('a list fits a terminal: short ids, times as they are felt, and no line wider than it is', async () => {
  const id = `run_da22${'0'.repeat(24)}1f3c`;
  const message = 'shipping did not answer, and '.repeat(10);
  respond = (_body, response) =>
    json(response, { data: [{ ...run(1), id, error: { ...run(1).error, message } }] });
  const { out } = await holdfast(['runs', 'list'], { ...env, NO_COLOR: '1' }, { columns: 80 });
  expect(out).toMatch(/^ {2}run_da22…1f3c +order +dead +\d+ d( \d+ h)? ago +ship: shipping did/m);
  for (const line of out.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
});

test('audit tells who did what, the latest first', async () => {
  const entry = {
    ...{ id: '1-0', at: '2026-03-02T03:12:00.000Z', actor: 'ada', via: 'dashboard', action: 'redrive' },
    ...{ runId: 'run_1', outcome: 'redriven', before: 'dead', after: 'pending' },
  };
  respond = (_body, response) => json(response, { data: [entry], nextCursor: '1-0' });
  const { out } = await holdfast(['audit', '--run', 'run_1', '--limit', '1'], env);
  expect(asked[0]?.line).toBe('GET /v1/audit?limit=1&run=run_1');
  expect(out).toMatch(
    /2026-03-02T03:12:00.000Z +ada \(dashboard\) +redrive +run_1 +redriven +dead → pending/,
  );
  expect(out).toContain('--cursor 1-0');
  expect(JSON.parse((await holdfast(['audit', '--json'], env)).out)).toEqual({
    data: [entry],
    nextCursor: '1-0',
  });
});

describe('dead-letters', () => {
  test('show tells why, and each way on', async () => {
    respond = (_body, response) => json(response, run(1));
    const { out } = await holdfast(['dead-letters', 'show', 'run_1'], env);
    expect(out).toContain('step ship: shipping did not answer (unavailable)');
    expect(out).toMatch(/dead-letters redrive run_1 +tries ship again; charge stays$/m);
    expect(out).toMatch(/dead-letters resolve run_1 --step ship/);
    expect(out).toMatch(/dead-letters discard run_1 +gives it up and undoes charge/);
    respond = (_body, response) => json(response, { ...run(1), status: 'completed' });
    expect(await holdfast(['dead-letters', 'show', 'run_1'], env)).toMatchObject({
      ...{ code: 1, err: expect.stringContaining('completed, not dead') },
    });
  });

  test('show of a run that died in an undo promises no step', async () => {
    const error = { code: 'api_error', message: 'no refund', step: 'charge', kind: 'compensation_failed' };
    const steps = ['charge', 'reserve'].map((name) => ({ ...run(1).steps[0], name }));
    respond = (_body, response) => json(response, { ...run(1), error, steps, undoing: true });
    const { out } = await holdfast(['dead-letters', 'show', 'run_1'], env);
    expect(out).toContain('the undo of charge: no refund (api_error)');
    expect(out).toMatch(/redrive run_1 +continues undoing: reserve, charge; no step is done again\n/);
    expect(out).toMatch(/resolve run_1 --step charge --undone/);
    respond = (_body, response) => json(response, { ...run(1), undoing: true });
    const doubtful = (await holdfast(['dead-letters', 'show', 'run_1'], env)).out;
    expect(doubtful).toMatch(
      /redrive run_1 +continues undoing: charge; .*\n +holdfast dead-letters resolve run_1.*\n/,
    );
  });

  test('discard is the cancel of the API', async () => {
    respond = (_body, response) => json(response, run(1));
    await holdfast(['dead-letters', 'discard', 'run_1'], env);
    expect(asked[0]?.line).toBe('POST /v1/dead-letters/run_1/cancel');
  });
});

describe('dead-letters redrive of many', () => {
  const done = (matched: number, more: boolean) => ({ matched, redriven: matched - 1, skipped: 1, more });
  const answers = (found: object, lines: readonly object[], cutOff = false) => {
    respond = (body, response) => {
      if (body.dryRun) return json(response, found);
      response.writeHead(200, { 'content-type': 'application/x-ndjson' });
      for (const line of lines) response.write(`${JSON.stringify(line)}\n`);
      if (cutOff) setImmediate(() => response.destroy());
      else response.end();
    };
  };
  const redrive = (...args: string[]) => holdfast(['dead-letters', 'redrive', ...args], env);

  test('counts first, then redrives line by line, and sums up', async () => {
    answers(done(400, false), [{ matched: 100, redriven: 100, skipped: 0 }, done(400, false)]);
    const { code, out } = await redrive('--flow', 'order', '--code', 'unavailable', '--rate', '20', '--yes');
    expect(code).toBe(0);
    const which = { flow: 'order', code: 'unavailable', limit: 10_000 };
    expect(asked).toEqual([
      { line: 'POST /v1/dead-letters/redrive', accept: '*/*', body: { ...which, dryRun: true } },
      {
        ...{ line: 'POST /v1/dead-letters/redrive', accept: 'application/x-ndjson' },
        body: { ...which, ratePerSecond: 20 },
      },
    ]);
    expect(out).toMatch(/^399 runs redriven in [\d.]+ s \([\d,]+\/s\)\.\n1 run skipped: no longer dead\./);
    expect(out.trim().split('\n').at(-1)).toContain('holdfast dead-letters list');
  });

  test('a dry run says how many, and asks for nothing else', async () => {
    answers(done(4, false), []);
    expect((await redrive('--all', '--dry-run')).out).toBe('4 runs would be redriven. Nothing was done.\n');
    answers({ ...done(1, false), matched: 0 }, []);
    expect((await redrive('--all')).out).toBe('No dead letters match.\n');
    expect(asked).toHaveLength(2);
  });

  test('asks before it redrives many; in a script it wants --yes', async () => {
    answers(done(400, false), [done(400, false)]);
    const refused = await redrive('--all');
    expect(refused).toMatchObject({ code: 2, out: '' });
    expect(refused.err).toContain('400 runs, of every flow and reason, will be redriven');
    const no = await holdfast(['dead-letters', 'redrive', '--flow', 'order'], env, {
      columns: 80,
      answers: false,
    });
    expect(no).toMatchObject({ code: 0, out: 'Nothing was done.\n' });
    expect(asked.map(({ body }) => (body as { dryRun?: true }).dryRun)).toEqual([true, true]);
    const yes = await holdfast(['dead-letters', 'redrive', '--all'], env, { columns: 80, answers: true });
    expect(yes.out).toContain('399 runs redriven');
  });

  test('exit code 1 when it was stopped short of what it was told, and when the line is lost', async () => {
    answers(done(400, false), [done(50, true)]);
    expect(await redrive('--all', '--yes')).toMatchObject({
      code: 1,
      out: expect.stringContaining('run the command again'),
    });
    answers(done(400, false), [done(50, true)]);
    expect((await redrive('--all', '--limit', '50', '--yes')).code).toBe(0);
    answers(done(400, false), [{ matched: 1, redriven: 1, skipped: 0 }], true);
    expect(await redrive('--all', '--yes')).toMatchObject({
      code: 1,
      err: expect.stringContaining('Run it again to continue'),
    });
  });

  test.each([
    [[], /Which runs\?/],
    [['run_1', '--all'], /Give either the id of one run/],
    [['run_1', '--rate', '5'], /Give either the id of one run/],
  ])('%j is refused before anything is asked', async (args, says) => {
    const { code, err } = await redrive(...args);
    expect({ code, asked }).toEqual({ code: 2, asked: [] });
    expect(err).toMatch(says);
  });
});

describe('completion', () => {
  const complete = (...words: string[]) =>
    spawnSync(process.execPath, [BIN, 'complete', '--', ...words], { encoding: 'utf8' }).stdout;

  test.each(['bash', 'zsh', 'fish'])('prints a script that %s takes', (shell) => {
    const { status, stdout } = spawnSync(process.execPath, [BIN, 'completion', shell], { encoding: 'utf8' });
    expect(status).toBe(0);
    expect(stdout).toContain('holdfast complete --');
    const checked = spawnSync(shell, ['-n'], { input: stdout, encoding: 'utf8' });
    // a shell that is not installed here cannot say
    if (!checked.error) expect(checked.stderr).toBe('');
  });

  test('offers commands, options and values', () => {
    expect(complete('dead-letters', '')).toMatch(/^redrive\b/m);
    expect(complete('runs', 'list', '--')).toMatch(/^--since\b/m);
    expect(complete('runs', 'list', '--status', '')).toMatch(/^compensating\b/m);
  });
});
