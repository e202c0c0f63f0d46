import { expect, it } from 'vitest';
import { queryKey } from '../src/auth.ts';
import { traceparentOf } from '../src/trace-context.ts';
import { client, post } from './clients.ts';
import { json, serveHttp } from './servers.ts';

it('a key goes in the query beside what else is asked, and is shown nowhere', async () => {
  const { url, received } = await serveHttp((request, response) =>
    json(response, 400, { path: request.url, key: 'canary key/+' }),
  );
  const outcome = await client(url, { auth: queryKey('api_key', 'canary key/+') }).request(
    post({ query: { name: 'a b' } }),
  );
  expect(Object.fromEntries(new URL(received[0]?.url ?? '', url).searchParams)).toEqual({
    name: 'a b',
    api_key: 'canary key/+',
  });
  expect(outcome).toMatchObject({ kind: 'rejected' });
  expect(JSON.stringify(outcome)).not.toContain('canary');
  expect(() => queryKey('api_key', '')).toThrow(TypeError);
});

it('what a request is made for goes along as a traceparent: one trace for a run, one span for an attempt', async () => {
  const { url, received } = await serveHttp((_request, response) => json(response, 200, { id: 'a' }));
  const runId = `run_${'0123456789abcdef'.repeat(2)}`;
  const origin = { runId, reference: `${runId}.1.charge`, attempt: 1 };
  const http = client(url);
  for (const more of [{}, {}, { attempt: 2 }, { reference: `${runId}.1.ship` }]) {
    await http.request(post({ origin: { ...origin, ...more } }));
  }
  await http.request(post());
  const sent = received.map(({ headers }) => headers.traceparent);
  expect(sent.slice(0, 4)).toEqual(
    Array.from({ length: 4 }, () => expect.stringMatching(/^00-(0123456789abcdef){2}-[0-9a-f]{16}-01$/)),
  );
  expect(sent[1]).toBe(sent[0]);
  expect(new Set(sent.slice(0, 4)).size).toBe(3);
  expect(sent[4]).toBeUndefined();
});

it('a run id of another form has a trace as well', () => {
  const traceparent = traceparentOf({ runId: 'run_7f', reference: 'x', attempt: 1 });
  expect(traceparent).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
  expect(traceparent).not.toContain('0'.repeat(16));
});
