import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { holdfast } from './support/run-cli.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

describe('the program', () => {
  test('is what npx finds in the repository', () => {
    const ran = spawnSync('npx', ['--no-install', 'holdfast', '--help'], { cwd: ROOT, encoding: 'utf8' });
    expect(ran.status).toBe(0);
    for (const command of ['doctor', 'replay', 'runs', 'dead-letters']) expect(ran.stdout).toContain(command);
  });

  test('tells its version', async () => {
    expect(await holdfast(['--version'])).toEqual({
      code: 0,
      out: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
      err: '',
    });
  });

  test.each([
    [['nonsense'], 'holdfast --help'],
    [['doctor', '--nonsense'], 'holdfast doctor --help'],
    [['runs', 'show'], 'holdfast runs show --help'],
    [['providers', '--minutes', 'abc'], 'whole number'],
    [['dead-letters', 'redrive'], 'Which runs?'],
    [['dead-letters', 'resolve', 'run_1', '--step', 'charge'], '--happened with its result'],
    [['keys', 'create', '--name', 'x', '--scopes', 'nonsense'], 'a scope is one of'],
  ])('does not understand %j: exit code 2, and where help is, or what is wrong', async (args, says) => {
    const { code, err } = await holdfast(args);
    expect(code).toBe(2);
    expect(err).toContain(says);
  });
});

const RUN = {
  ...{ id: 'run_1', flow: 'order', version: 1, generation: 2, status: 'dead', idempotencyKey: 'k' },
  error: { code: 'unavailable', message: 'shipping did not answer', step: 'ship', kind: 'exhausted' },
  steps: [
    { name: 'charge', status: 'completed', attempts: 1, startedAt: '2026-03-02T03:12:00.000Z' },
    {
      ...{ name: 'ship', status: 'failed', attempts: 8, startedAt: '2026-03-02T03:12:01.000Z' },
      error: { code: 'unavailable', message: 'shipping did not answer' },
    },
  ],
  ...{ createdAt: '2026-03-02T03:12:00.000Z', updatedAt: '2026-03-02T03:14:00.000Z' },
};

describe('commands that talk to the API', () => {
  const asked: { line: string; key: string | undefined; body: unknown }[] = [];
  let answer: { status: number; body: unknown };
  let env: Record<string, string>;
  const server = createServer(async (request, response) => {
    const body = await bodyOf(request);
    asked.push({
      line: `${request.method} ${request.url}`,
      key: request.headers.authorization,
      body: body === '' ? undefined : JSON.parse(body),
    });
    response.statusCode = answer.status;
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(answer.body));
  });
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
    answer = { status: 200, body: RUN };
  });

  test.each<[string[], string, unknown]>([
    [['runs', 'show', 'run_1'], 'GET /v1/runs/run_1', undefined],
    [['runs', 'cancel', 'run_1'], 'POST /v1/runs/run_1/cancel', undefined],
    [['runs', 'show', '../x?y'], 'GET /v1/runs/..%2Fx%3Fy', undefined],
    [['dead-letters', 'cancel', 'run_1'], 'POST /v1/dead-letters/run_1/cancel', undefined],
    [
      ['dead-letters', 'resolve', 'run_1', '--step', 'charge', '--did-not-happen'],
      'POST /v1/dead-letters/run_1/resolve',
      { step: 'charge', outcome: 'did_not_happen' },
    ],
    [
      ['dead-letters', 'resolve', 'run_1', '--step', 'charge', '--happened', '{"chargeId":"pi_1"}'],
      'POST /v1/dead-letters/run_1/resolve',
      { step: 'charge', outcome: 'happened', result: { chargeId: 'pi_1' } },
    ],
    [
      ['dead-letters', 'resolve', 'run_1', '--step', 'email', '--happened'],
      'POST /v1/dead-letters/run_1/resolve',
      { step: 'email', outcome: 'happened' },
    ],
  ])('%j asks %s', async (args, line, body) => {
    const { code, out } = await holdfast(args, env);
    expect(code).toBe(0);
    expect(asked).toEqual([{ line, key: 'Bearer hf_test_key', body }]);
    expect(out).toMatch(/^run_1 {2}order v1, generation 2: dead since 2026-03-02T03:14:00.000Z$/m);
    expect(out).toContain('step ship: shipping did not answer (unavailable)');
    expect(out).toMatch(/^ {2}ship +failed +8 +attempts +shipping did not answer/m);
  });

  test('--json prints all of the answer', async () => {
    const { out } = await holdfast(['runs', 'show', 'run_1', '--json'], env);
    expect(JSON.parse(out)).toEqual(RUN);
  });

  test('what the API refuses is told in its own words; as JSON with its code', async () => {
    answer = { status: 409, body: { code: 'run_finished', detail: 'This run has ended.' } };
    expect(await holdfast(['runs', 'cancel', 'run_1'], env)).toEqual({
      ...{ code: 1, out: '', err: 'This run has ended. (run_finished)\n' },
    });
    const { code, out } = await holdfast(['runs', 'cancel', 'run_1', '--json'], env);
    expect(code).toBe(1);
    expect(JSON.parse(out)).toEqual({
      error: { code: 'run_finished', message: 'This run has ended. (run_finished)' },
    });
  });

  test.each([
    [['--step', 'charge'], /--happened with its result/],
    [['--step', 'charge', '--happened', '{}', '--did-not-happen'], /--happened with its result/],
    [['--step', 'charge', '--happened', 'pi_1'], /not JSON: pi_1/],
  ])('resolve %j is refused before anything is asked', async (flags, says) => {
    const { code, err } = await holdfast(['dead-letters', 'resolve', 'run_1', ...flags], env);
    expect(code).toBe(2);
    expect(err).toMatch(says);
    expect(asked).toEqual([]);
  });

  const lines = () => asked.map(({ line }) => line);

  test('redrive looks first whether the run is dead; one that is not is named, with exit code 3', async () => {
    expect((await holdfast(['dead-letters', 'redrive', 'run_1'], env)).code).toBe(0);
    expect(lines()).toEqual(['GET /v1/runs/run_1', 'POST /v1/dead-letters/run_1/redrive']);
    answer = { status: 200, body: { ...RUN, status: 'completed' } };
    expect(await holdfast(['dead-letters', 'redrive', 'run_1'], env)).toEqual({
      ...{
        code: 3,
        out: '',
        err: 'run_1 is completed, not dead: there is nothing to redrive. Nothing was done.\n',
      },
    });
    expect(lines().filter((line) => line.startsWith('POST'))).toHaveLength(1);
  });

  test('rerun names what would happen a second time, and asks; in a script it wants --yes', async () => {
    answer = { status: 200, body: { ...RUN, status: 'completed' } };
    const refused = await holdfast(['runs', 'rerun', 'run_1'], env);
    expect(refused.code).toBe(2);
    expect(refused.err).toContain('A rerun repeats these effects, which still stand: charge.');
    expect(refused.err).toContain('--yes');
    const no = await holdfast(['runs', 'rerun', 'run_1'], env, { columns: 80, answers: false });
    expect(no).toMatchObject({ code: 0, out: 'Nothing was done.\n' });
    expect(no.err).toMatch(/which still stand: charge\. Go on\? \[y\/N\] $/);
    expect(lines()).toEqual(['GET /v1/runs/run_1', 'GET /v1/runs/run_1']);
    expect((await holdfast(['runs', 'rerun', 'run_1', '--yes'], env)).code).toBe(0);
    expect((await holdfast(['runs', 'rerun', 'run_1'], env, { columns: 80, answers: true })).code).toBe(0);
    expect(lines().filter((line) => line === 'POST /v1/runs/run_1/rerun')).toHaveLength(2);
    asked.length = 0;
    answer = { status: 200, body: { ...RUN, status: 'cancelled', steps: [] } };
    expect((await holdfast(['runs', 'rerun', 'run_1'], env)).code).toBe(0);
  });

  test('what is in doubt is shown with what it is found by, what a redrive does, and the result that is wanted', async () => {
    const inDoubt = {
      ...{ idempotencyKey: 'run_1:1:ship', reference: 'run_1.1.ship', onRedrive: 'look_up' },
      resultSchema: { type: 'object', properties: { trackingNumber: {}, labelId: {} } },
    };
    const [charge, ship] = RUN.steps;
    answer = { status: 200, body: { ...RUN, steps: [charge, { ...ship, status: 'in_doubt', inDoubt }] } };
    const { out } = await holdfast(['runs', 'show', 'run_1'], env);
    expect(out).toContain(
      'look for ship at its provider by Idempotency-Key run_1:1:ship\n  or by reference run_1.1.ship',
    );
    expect(out).toMatch(/redrive run_1 +asks first whether ship happened, does it only if not; charge stays/);
    expect(out).toContain(`--step ship --happened '{"trackingNumber":"…","labelId":"…"}'`);
    expect(out).toContain('--step ship --did-not-happen');
  });

  test('a cancel that was asked for is said at once, with how the run ends', async () => {
    answer = {
      status: 200,
      body: { ...RUN, status: 'compensating', cancelRequested: true, endsAs: 'failed' },
    };
    expect((await holdfast(['runs', 'cancel', 'run_1'], env)).out).toContain(
      'cancel requested; it ends as failed',
    );
  });

  test('on a terminal: relative times, colours, and no line wider than it is', async () => {
    const { out } = await holdfast(['runs', 'show', 'run_1'], env, { columns: 60 });
    const text = stripVTControlCharacters(out);
    expect(text).toMatch(/: dead since \d+ d( \d+ h)? ago$/m);
    expect(out).not.toBe(text);
    const plain = await holdfast(['runs', 'show', 'run_1'], { ...env, NO_COLOR: '1' }, { columns: 60 });
    expect(plain.out).toBe(text);
    for (const line of text
      .split('\n')
      .filter((each) => each.startsWith('  ') && !each.includes('holdfast'))) {
      expect(line.length).toBeLessThanOrEqual(60);
    }
  });

  test('what is no API, away, or not told is said so', async () => {
    answer = { status: 200, body: { hello: 'world' } };
    expect(await holdfast(['runs', 'show', 'run_1'], env)).toMatchObject({
      ...{ code: 1, err: expect.stringContaining('HOLDFAST_API_URL') },
    });
    const away = { ...env, HOLDFAST_API_URL: 'http://127.0.0.1:1' };
    expect(await holdfast(['runs', 'show', 'run_1'], away)).toMatchObject({
      ...{ code: 1, err: expect.stringContaining('http://127.0.0.1:1 is unreachable') },
    });
    expect(await holdfast(['runs', 'show', 'run_1'])).toMatchObject({
      ...{ code: 1, err: expect.stringContaining('no local system is running') },
    });
    const keyless = { HOLDFAST_API_URL: 'http://127.0.0.1:1' };
    expect(await holdfast(['runs', 'show', 'run_1'], keyless)).toMatchObject({
      ...{ code: 1, err: expect.stringContaining('HOLDFAST_API_KEY') },
    });
  });
});

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}
