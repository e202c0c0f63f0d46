import { expect, it } from 'vitest';
import { codedErrors } from '../src/wire.ts';

const read = codedErrors({ details: ['sku'], outcomes: { in_progress: 'in_doubt', too_fast: 'throttled' } });

it('a coded error is read with what it says, and only the details that are named', () => {
  const body = { code: 'out_of_stock', detail: 'None left.', sku: 'TEE-M', customer: 'ada' };
  expect(read(409, body, {})).toEqual({
    code: 'out_of_stock',
    message: 'None left.',
    details: { sku: 'TEE-M' },
  });
});

it.each([
  ['in_progress', 'in_doubt'],
  ['too_fast', 'throttled'],
])('a code may say more than its status: %s is %s', (code, outcome) => {
  expect(read(409, { code }, {})).toMatchObject({ code, outcome });
});

it.each([[undefined], ['<html>'], [{ error: 'x' }], [{ code: 'constructor of a page' }], [{ code: 12 }]])(
  'what is not in its form is somebody else’s: %j',
  (body) => {
    expect(read(409, body, {})).toBeUndefined();
  },
);

it('a code that every object has means nothing', () => {
  expect(read(409, { code: 'toString' }, {})).not.toHaveProperty('outcome');
});
