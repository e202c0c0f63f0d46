import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { HoldfastClient } from '../src/index.ts';

test('events end when they are aborted, and so does their connection', async () => {
  let closed: Promise<unknown> = Promise.resolve();
  const server = http.createServer((_request, response) => {
    closed = once(response, 'close');
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write('id: 1\ndata: {"status":"running"}\n\n');
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  const client = new HoldfastClient({ url: `http://127.0.0.1:${port}`, apiKey: 'hf_x' });
  const leaving = new AbortController();
  const follow = async () => {
    for await (const _ of client.events('run_1', { signal: leaving.signal }))
      leaving.abort(new Error('enough'));
  };
  await expect(follow()).rejects.toThrow('enough');
  await closed;
  server.closeAllConnections();
  server.close();
});
