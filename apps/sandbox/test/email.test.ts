import { createTransport } from 'nodemailer';
import { expect, test } from 'vitest';
import { start } from './harness.ts';

test('a mail is one effect, known by its Message-ID', async () => {
  const { send, ledger } = await start();
  const { response } = await send({
    subject: 'Ihre Bestellung: 2 × Käse für zwölf Gäste, schön verpackt und gekühlt',
  });
  expect(response).toMatch(/^250 /);
  expect(await ledger()).toMatchObject([
    {
      provider: 'email',
      operation: 'send',
      reference: 'run_1.1.email',
      idempotencyKey: null,
      messageId: '<run_1.1.email@example.com>',
      to: ['ada@example.com'],
      subject: 'Ihre Bestellung: 2 × Käse für zwölf Gäste, schön verpackt und gekühlt',
    },
  ]);
});

test('a repeated Message-ID is accepted, and recorded as a duplicate that nobody sees', async () => {
  const { send, operations } = await start();
  await send();
  await send();
  await send({ messageId: '<run_2.1.email@example.com>' });
  expect(await operations()).toEqual(['send', 'duplicate', 'send']);
  expect(await operations('?run=run_2')).toEqual(['send']);
});

test('a mail without a Message-ID is given one', async () => {
  const { smtpUrl, ledger } = await start();
  const { hostname: host, port } = new URL(smtpUrl);
  const transport = createTransport({ host, port: Number(port) });
  const envelope = { from: 'a@example.com', to: ['b@example.com', 'c@example.com'] };
  for (const _ of [1, 2]) await transport.sendMail({ envelope, raw: 'Subject: Hello\r\n\r\nHello\r\n' });
  const effects = await ledger();
  expect(effects).toMatchObject([
    { operation: 'send', to: ['b@example.com', 'c@example.com'] },
    { operation: 'send' },
  ]);
  expect(effects[0]?.messageId).not.toBe(effects[1]?.messageId);
});

test('a mail that is too large is refused, and not recorded', async () => {
  const { smtpUrl, operations } = await start();
  const { hostname: host, port } = new URL(smtpUrl);
  const transport = createTransport({ host, port: Number(port) });
  const raw = `Subject: Large\r\n\r\n${'x'.repeat(990).concat('\r\n').repeat(10_200)}`;
  const envelope = { from: 'a@example.com', to: 'b@example.com', size: 1 };
  await expect(transport.sendMail({ envelope, raw })).rejects.toMatchObject({ responseCode: 552 });
  expect(await operations()).toEqual([]);
});
