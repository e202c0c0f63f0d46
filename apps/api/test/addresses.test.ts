import { OrderInput } from '@holdfast/flows';
import { expect, test } from 'vitest';
import { ORDER } from './support/order.ts';

const faults = (order: object) =>
  (OrderInput.safeParse(order).error?.issues ?? []).map(
    ({ path, message }) => `${path.join('.')}: ${message}`,
  );
const mailed = (email: string) => ({ ...ORDER, customer: { ...ORDER.customer, email } });
const sent = (more: object) => {
  const { postalCode: _, ...shipTo } = ORDER.shipTo;
  return { ...ORDER, shipTo: { ...shipTo, ...more } };
};

test.each([
  ...[
    'a&b@example.com',
    'info@xn--bcher-kva.example',
    'käthe@bücher.example',
    "o'neil+tag@mail.example.co.uk",
  ],
  ...['a@b.xn--p1ai', '用户@例え.jp'],
])('%s is an address that real people have', (email) => {
  expect(faults(mailed(email))).toEqual([]);
});

test.each([
  ['"a b"@example.com', 'quotation marks'],
  ['ada', 'no "@"'],
  ['ada@localhost', 'no dot'],
  ['a b@example.com', 'cannot hold'],
  ['ada@exa_mple.com', 'domain'],
  ['ada@example.com\r\nBcc: b@example.com', 'cannot hold'],
])('%s is refused, with a reason', (email, reason) => {
  expect(faults(mailed(email))).toEqual([expect.stringContaining(reason)]);
});

test('a postal code is needed where there are any, and nowhere else', () => {
  for (const country of ['HK', 'AE', 'QA']) expect(faults(sent({ country }))).toEqual([]);
  expect(faults(sent({ country: 'US' }))).toEqual(['shipTo.postalCode: is missing; US has postal codes']);
  expect(faults(sent({ country: 'HK', postalCode: '999077' }))).toEqual([]);
});
