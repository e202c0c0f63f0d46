import assert from 'node:assert/strict';
import { StepError } from '@holdfast/engine';
import { INSIDE } from '@holdfast/project';
import { answerWith, type ServedRequest } from './provider-server.ts';
import type { Attempted, Trial } from './trial.ts';

export interface Check {
  readonly what: string;
  applies(trial: Trial): boolean;
  run(trial: Trial): Promise<void>;
}

const PAGE = {
  headers: { 'content-type': 'text/html; charset=utf-8' },
  text: '<!doctype html><title>Please sign in</title>',
};
const PLAIN = { headers: { 'content-type': 'text/plain' }, text: 'no' };
const SHORT_MS = 300;
const LARGEST_BYTES = 16 * 1024;

const always = () => true;
const readsJson = ({ operation }: Trial) => (operation.rules.expects ?? 'json') === 'json';
const refuses = ({ its }: Trial) => its.refused !== undefined;

/** What every operation of every provider is held to. */
export const CHECKS: readonly Check[] = [
  { what: 'gives the result of a good answer', applies: always, run: ok },
  { what: 'sends the same request again for the same call', applies: always, run: repeats },
  { what: "takes the provider's own refusal as a refusal", applies: refuses, run: refused },
  { what: 'shows no secret that a refusal repeats', applies: refuses, run: echoes },
  ...[401, 403].map((status) => misconfigured(`a ${status}`, { status, ...PLAIN })),
  misconfigured('a redirect', { status: 302, headers: { location: '/elsewhere' } }),
  misconfigured('a page with a 404', { status: 404, ...PAGE }),
  {
    ...misconfigured('a page with a 200', { status: 200, ...PAGE }),
    applies: ({ operation }) => operation.rules.expects !== 'html' && operation.rules.expects !== 'bytes',
  },
  { what: 'takes a 429 as a limit, and waits as long as it says', applies: always, run: throttled },
  { what: 'knows a 503 with a Retry-After', applies: always, run: overloaded },
  doubtful('a 503 without a Retry-After', { status: 503, ...PLAIN }),
  doubtful('a 500', { status: 500, ...PLAIN }),
  doubtful('a 504', { status: 504, ...PLAIN }),
  { what: 'gives up on an answer that does not come, and is in doubt', applies: always, run: silent },
  { what: 'gives up on a body that does not end, and is in doubt', applies: always, run: stalled },
  { what: 'is in doubt when the connection breaks after the request was sent', applies: always, run: reset },
  { what: 'knows that nothing was sent where nobody listens', applies: always, run: unreachable },
  { what: 'breaks off a body that is too large, and is in doubt', applies: always, run: huge },
  { what: 'is in doubt about a body that cannot be read', applies: readsJson, run: garbage },
];

async function ok(trial: Trial): Promise<void> {
  const { ok: answer } = trial.its;
  const { ended, received } = await trial.attempt(answerWith(answer));
  if ('error' in ended) throw ended.error;
  if ('result' in answer) assert.deepEqual(ended.value, answer.result);
  assert.equal(received.length, 1, 'one call is one request');
}

async function repeats(trial: Trial): Promise<void> {
  const first = await onlyRequest(trial);
  const again = await onlyRequest(trial);
  assert.deepEqual([again.method, again.path, again.body], [first.method, first.path, first.body]);
  const header = trial.operation.rules.idempotencyHeader ?? trial.provider[INSIDE].plan.idempotencyHeader;
  if (header === false || onlyReads(trial, first)) return;
  for (const { headers } of [first, again])
    assert.equal(headers[header.toLowerCase()], trial.call.idempotencyKey, `the header ${header}`);
}

async function onlyRequest(trial: Trial): Promise<ServedRequest> {
  const { received } = await trial.attempt(answerWith(trial.its.ok));
  const [request] = received;
  assert(request, 'no request was made');
  return request;
}

async function refused(trial: Trial): Promise<void> {
  const { refused: answer } = trial.its;
  assert(answer);
  const error = errorOf(await trial.attempt(answerWith(answer)), 'rejected');
  assert.equal(error.code, answer.code);
}

/** The provider repeats what it was sent, in each text of its refusal. */
async function echoes(trial: Trial): Promise<void> {
  const { refused: answer } = trial.its;
  assert(answer);
  for (const status of [answer.status, 400, 500]) {
    await trial.attempt((response, request) => {
      const sent = `${request.path} ${Object.values(request.headers).join(' ')}`;
      const echoed =
        answer.json === undefined
          ? { text: `${answer.text} ${sent}` }
          : { json: withTexts(answer.json, sent) };
      answerWith({ ...answer, ...echoed, status, headers: { ...answer.headers, 'x-request-id': sent } })(
        response,
        request,
      );
    });
  }
}

function withTexts(value: unknown, text: string): unknown {
  if (typeof value === 'string') return `${value} ${text}`;
  if (Array.isArray(value)) return value.map((item) => withTexts(item, text));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, withTexts(member, text)]));
}

function misconfigured(what: string, answer: Parameters<typeof answerWith>[0]): Check {
  return {
    what: `parks the run, and undoes nothing, after ${what}`,
    applies: always,
    run: async (trial) => {
      const attempted = await trial.attempt(answerWith(answer));
      errorOf(attempted, 'misconfigured');
      const paths = new Set(attempted.received.map(({ path }) => path));
      assert.equal(paths.size, 1, 'no redirect is followed');
    },
  };
}

function doubtful(what: string, answer: Parameters<typeof answerWith>[0]): Check {
  return {
    what: `is in doubt after ${what}`,
    applies: always,
    run: async (trial) => {
      assertDoubt(trial, await trial.attempt(answerWith(answer)));
    },
  };
}

async function throttled(trial: Trial): Promise<void> {
  const answer = { status: 429, ...PLAIN, headers: { ...PLAIN.headers, 'retry-after': '7' } };
  const error = errorOf(await trial.attempt(answerWith(answer)), 'throttled');
  assert.equal(Reflect.get(error, 'retryAfter'), 7_000);
}

async function overloaded(trial: Trial): Promise<void> {
  const answer = { status: 503, ...PLAIN, headers: { ...PLAIN.headers, 'retry-after': '7' } };
  const attempted = await trial.attempt(answerWith(answer));
  const declared = trial.provider[INSIDE].plan.beforeAnyEffect.includes(503);
  const error = declared ? errorOf(attempted, 'unavailable') : assertDoubt(trial, attempted);
  assert.equal(Reflect.get(error, 'retryAfter'), 7_000);
}

async function silent(trial: Trial): Promise<void> {
  const attempted = await trial.attempt(() => {}, { headersTimeoutMs: SHORT_MS });
  assert.equal(assertDoubt(trial, attempted).code, 'headers_timeout');
  assert(attempted.ms >= SHORT_MS - 50, `gave up after ${attempted.ms} ms`);
}

async function stalled(trial: Trial): Promise<void> {
  const attempted = await trial.attempt(
    (response) => {
      response.writeHead(trial.its.ok.status === 204 ? 200 : trial.its.ok.status, {
        'content-type': 'application/json',
      });
      response.write('{"begun":');
    },
    { bodyTimeoutMs: SHORT_MS },
  );
  assert.equal(assertDoubt(trial, attempted).code, 'body_timeout');
}

async function reset(trial: Trial): Promise<void> {
  assertDoubt(trial, await trial.attempt((response) => response.socket?.resetAndDestroy()));
}

async function unreachable(trial: Trial): Promise<void> {
  errorOf(await trial.attemptUnreachable(), 'unavailable');
}

async function huge(trial: Trial): Promise<void> {
  const attempted = await trial.attempt(
    answerWith({ status: 200, json: { filler: 'x'.repeat(2 * LARGEST_BYTES) } }),
    { maxResponseBytes: LARGEST_BYTES },
  );
  assert.equal(assertDoubt(trial, attempted).code, 'response_too_large');
}

async function garbage(trial: Trial): Promise<void> {
  const answer = { status: 200, text: '{"garbage', headers: { 'content-type': 'application/json' } };
  assertDoubt(trial, await trial.attempt(answerWith(answer)));
}

/** What has no effect cannot be in doubt: it is unavailable. */
function assertDoubt(trial: Trial, attempted: Attempted): StepError {
  const [request] = attempted.received;
  assert(request, 'no request was made');
  return errorOf(attempted, onlyReads(trial, request) ? 'unavailable' : 'in_doubt');
}

function onlyReads({ operation }: Trial, { method }: ServedRequest): boolean {
  return operation.kind === 'look_up' || method === 'GET';
}

function errorOf({ ended }: Attempted, kind: StepError['kind']): StepError {
  if (!('error' in ended))
    assert.fail(`expected an error of kind "${kind}", got ${JSON.stringify(ended.value)}`);
  const { error } = ended;
  if (!(error instanceof StepError)) throw error;
  assert.equal(error.kind, kind, `${error.code}: ${error.message}`);
  return error;
}
