import { RejectedError } from '@holdfast/engine';
import { defineProvider, lookUp, operation, type ProviderAuth } from '@holdfast/project';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { describeProvider } from '../src/index.ts';

const coded = z.object({ error: z.string() }).transform(({ error }) => ({ code: error }));
const refused = { status: 422, json: { error: 'invalid_address' }, code: 'invalid_address' };
const buy = {
  request: (to: string) => ({ method: 'POST' as const, path: '/labels', body: { json: { to } } }),
  answer: z.object({ id: z.string() }),
};

function labels(more: object = {}, rules: object = {}) {
  return defineProvider({
    ...{ name: 'labels', auth: 'bearer', errors: coded, ...more },
    operations: { buy: operation({ ...buy, ...rules }) },
  });
}

const CASE = {
  input: 'Springfield',
  ok: { status: 200, json: { id: 'l_1' }, result: { id: 'l_1' } },
  refused,
};

describe.each<[string, ProviderAuth]>([
  ['none', 'none'],
  ['bearer', 'bearer'],
  ['basic', 'basic'],
  ['header', { header: 'x-api-key' }],
  ['query', { query: 'key' }],
  ['oauth', { oauth: { token: '/token' } }],
])('a good provider with auth %s', (_, auth) => {
  describeProvider(labels({ auth }), { describe, it, operations: { buy: CASE } });
});

describe('a good provider of another kind', () => {
  const provider = defineProvider({
    ...{ name: 'reports', auth: 'bearer', errors: coded, beforeAnyEffect: [503], emptyErrors: [404] },
    operations: {
      read: operation({
        request: (id: string) => ({ method: 'GET', path: `/reports/${id}` }),
        answer: z.string(),
        expects: 'text',
      }),
      search: lookUp({
        request: () => ({ method: 'POST', path: '/search', body: { form: { q: 'x' } } }),
        answer: z.object({ found: z.array(z.string()) }),
        matches: ({ found }) => found,
      }),
    },
  });
  describeProvider(provider, {
    describe,
    it,
    operations: {
      read: { input: 'r_1', ok: { status: 200, text: 'all is well', result: 'all is well' } },
      search: {
        input: undefined,
        ok: { status: 200, json: { found: ['a'] }, result: { outcome: 'found', result: 'a' } },
        refused,
      },
    },
  });
});

/** @returns the checks that a provider does not hold, by name */
async function faultsOf(
  provider: ReturnType<typeof labels>,
  its: object = CASE,
): Promise<Map<string, string>> {
  const checks: [string, () => Promise<void>][] = [];
  describeProvider(provider, {
    describe: (_, body) => body(),
    it: (name, body) => checks.push([name, body]),
    operations: { buy: { ...CASE, ...its } },
  });
  const faults = new Map<string, string>();
  for (const [name, body] of checks) {
    await body().catch((error: unknown) =>
      faults.set(name, error instanceof Error ? error.message : String(error)),
    );
  }
  return faults;
}

describe('a provider with a fault is found out', () => {
  it.each<[string, ReturnType<typeof labels>, object, string, RegExp]>([
    [
      'another result',
      labels(),
      { ok: { status: 200, json: { id: 'l_1' }, result: { id: 'l_2' } } },
      'gives the result of a good answer',
      /l_2/,
    ],
    [
      'an answer in another form',
      labels(),
      { ok: { status: 200, json: { name: 'l_1' } } },
      'gives the result of a good answer',
      /not what was agreed/,
    ],
    [
      'a request that is never the same',
      labels({}, { request: () => ({ ...buy.request('x'), body: { json: { now: performance.now() } } }) }),
      {},
      'sends the same request again for the same call',
      /now/,
    ],
    [
      'an idempotency key that is overwritten',
      labels({}, { request: () => ({ ...buy.request('x'), headers: { 'Idempotency-Key': 'mine' } }) }),
      {},
      'sends the same request again for the same call',
      /Idempotency-Key/,
    ],
    [
      'a refusal that is not read',
      labels({ errors: z.object({ fault: z.string() }).transform(({ fault }) => ({ code: fault })) }),
      {},
      "takes the provider's own refusal as a refusal",
      /not_from_provider/,
    ],
    [
      'a refusal by another code',
      labels(),
      { refused: { ...refused, code: 'no_address' } },
      "takes the provider's own refusal as a refusal",
      /no_address/,
    ],
    [
      'errors that everything fits',
      labels(
        { errors: z.unknown().transform(() => ({ code: 'no' })), emptyErrors: [429], errorsIn2xx: true },
        { answer: z.unknown() },
      ),
      { ok: { status: 200, json: {} } },
      'gives the result of a good answer',
      /fits both a result and an error/,
    ],
  ])('%s', async (_what, provider, its, check, message) => {
    const faults = await faultsOf(provider, its);
    expect(faults.get(check)).toMatch(message);
  });

  it('an operation without a case', () => {
    const options = { describe, it, operations: {} };
    expect(() => Reflect.apply(describeProvider, undefined, [labels(), options])).toThrow(
      /the operation `buy` of the provider "labels" has no case/,
    );
  });
});

it('a secret that an adapter shows is found out', async () => {
  const provider = labels(
    {},
    {
      alreadyDone: (refusal: { message: string }) => {
        throw new RejectedError({ code: 'no', message: `${refusal.message} ${keyInUse()}` });
      },
    },
  );
  let key = '';
  const keyInUse = () => key;
  const configured = provider.variables.HOLDFAST_LABELS_KEY;
  expect(configured).toBeDefined();
  const refine = configured as z.ZodString;
  Object.assign(provider.variables, {
    HOLDFAST_LABELS_KEY: refine.transform((read) => {
      key = read;
      return read;
    }),
  });
  expect((await faultsOf(provider)).get("takes the provider's own refusal as a refusal")).toMatch(
    /shows a secret of the provider: .*<secret>/s,
  );
});
