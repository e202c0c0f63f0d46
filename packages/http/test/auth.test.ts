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

it('a trace that the run came with goes on, as far as it can be read', () => {
  const origin = { runId: 'run_7f', reference: 'x', attempt: 1 };
  const of = (trace: string) => traceparentOf({ ...origin, trace });
  const id = '4bf92f3577b34da6a3ce929d0e0e4736';
  expect(of(`00-${id}-00f067aa0ba902b7-01`)).toMatch(new RegExp(`^00-${id}-[0-9a-f]{16}-01$`));
  expect(of(`00-${id}-00f067aa0ba902b7-00`)).toMatch(/-00$/);
  expect(of(`00-${id}-00f067aa0ba902b7-01`)).not.toContain('00f067aa0ba902b7');
  // later versions may say more
  expect(of(`01-${id}-00f067aa0ba902b7-03-more`)).toMatch(new RegExp(`^00-${id}-[0-9a-f]{16}-01$`));
  for (const unread of [
    ...['', `00-${id}`, `ff-${id}-00f067aa0ba902b7-01`, `00-${id}-00f067aa0ba902b7-01-more`],
    ...[
      `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`,
      `00-${id}-${'0'.repeat(16)}-01`,
      `00-${id.toUpperCase()}-00f067aa0ba902b7-01`,
    ],
  ])
    expect(of(unread)).toBe(traceparentOf(origin));
});

it('a run id of another form has a trace as well', () => {
  const traceparent = traceparentOf({ runId: 'run_7f', reference: 'x', attempt: 1 });
  expect(traceparent).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
  expect(traceparent).not.toContain('0'.repeat(16));
});
