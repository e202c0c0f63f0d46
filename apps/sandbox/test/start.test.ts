import { once } from 'node:events';
import { appendFile, readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { OperatorError } from '@holdfast/app-kit';
import { expect, onTestFinished, test } from 'vitest';
import { startSandbox } from '../src/index.ts';
import { rejection, SALE, start, tempDir } from './harness.ts';

test('a port in use is named, with the variable that chooses another', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  onTestFinished(() => void taken.close());
  const address = taken.address();
  if (address === null || typeof address === 'string') throw new Error('no TCP port was given');
  const { port } = address;
  const dataDir = await tempDir();

  const http = await rejection(OperatorError, startSandbox({ port, smtpPort: 0, dataDir }));
  expect(http.message).toMatch(new RegExp(`Port ${port} .* in use[\\s\\S]*HOLDFAST_SANDBOX_PORT`));
  const smtp = await rejection(OperatorError, startSandbox({ port: 0, smtpPort: port, dataDir }));
  expect(smtp.message).toMatch(new RegExp(`Port ${port} .* in use[\\s\\S]*HOLDFAST_SMTP_PORT`));
});

test('a line cut off by a crash is dropped, and the next one stands on its own', async () => {
  const dataDir = await tempDir();
  const file = join(dataDir, 'ledger.jsonl');
  const before = await start({ dataDir });
  await before.stripe.paymentIntents.create(SALE);
  await before.close();
  await appendFile(file, '{"provider":"payment","change":{"type":"answ');

  const after = await start({ dataDir });
  await after.stripe.paymentIntents.create(SALE);
  expect(await after.operations()).toEqual(['charge', 'charge']);
  const lines = (await readFile(file, 'utf8')).trimEnd().split('\n');
  expect(lines.map((line) => JSON.parse(line).effect.seq)).toEqual([1, 2]);
});

test.each([
  ['{"provider":"bank"}', 'an unknown provider'],
  ['{"provider":"payment","change":{"type":"answered","refund":{"amount":1}}}', 'a change that is none'],
  ['rubbish', 'no JSON'],
])('a ledger with the line %s is not touched: %s', async (line) => {
  const dataDir = await tempDir();
  const file = join(dataDir, 'ledger.jsonl');
  await appendFile(file, `${line}\n`);
  const error = await rejection(OperatorError, startSandbox({ port: 0, smtpPort: 0, dataDir }));
  expect(error.message).toMatch(/ledger\.jsonl, line 1: [\s\S]*Move the file away/);
  expect(await readFile(file, 'utf8')).toBe(`${line}\n`);
});
