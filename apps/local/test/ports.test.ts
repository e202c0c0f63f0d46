import { once } from 'node:events';
import { createServer } from 'node:net';
import { freePort } from '@holdfast/testkit';
import { expect, onTestFinished, test } from 'vitest';
import { allotPorts } from '../src/ports.ts';

const host = '127.0.0.1';

test('gives what was asked for, and to 0 a free port below those of outgoing connections', async () => {
  const fixed = await freePort();
  const ports = await allotPorts({
    a: { host, port: 0, variable: 'A' },
    b: { host, port: fixed, variable: 'B' },
    c: { host, port: 0, variable: 'C' },
  });
  expect(ports.b).toBe(fixed);
  expect(new Set(Object.values(ports)).size).toBe(3);
  for (const port of [ports.a, ports.c]) {
    expect(port).toBeGreaterThanOrEqual(20_000);
    expect(port).toBeLessThan(32_768);
  }
});

test('says which port is in use and which variable chooses another', async () => {
  const server = createServer().listen(0, host);
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  const address = server.address();
  const port = address !== null && typeof address === 'object' ? address.port : 0;
  await expect(allotPorts({ api: { host, port, variable: 'HOLDFAST_API_PORT' } })).rejects.toMatchObject({
    code: 'operator_error',
    message: expect.stringMatching(new RegExp(`Port ${port} .* in use.*HOLDFAST_API_PORT`, 's')),
  });
});

test('says when one port is asked for twice', async () => {
  const port = await freePort();
  const both = {
    api: { host, port, variable: 'HOLDFAST_API_PORT' },
    smtp: { host, port, variable: 'HOLDFAST_SMTP_PORT' },
  };
  await expect(allotPorts(both)).rejects.toThrow(
    /asked for twice, by HOLDFAST_API_PORT and by HOLDFAST_SMTP_PORT/,
  );
});
