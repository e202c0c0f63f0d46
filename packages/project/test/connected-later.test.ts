import { expect, it } from 'vitest';
import { connectedLater } from '../src/index.ts';

interface Ports {
  readonly payments: { readonly v1: { charge(amount: number): string }; readonly name: string };
}

it('calls what was connected last, with its own `this`', () => {
  const ports = connectedLater<Ports>('the provider');
  const { payments } = ports.value;
  const made = (by: string) => ({
    payments: {
      name: by,
      v1: {
        by,
        charge: function (this: { by: string }, n: number) {
          return `${this.by} ${n}`;
        },
      },
    },
  });
  ports.connect(made('a'));
  expect(payments.v1.charge(1)).toBe('a 1');
  ports.connect(made('b'));
  expect(payments.v1.charge(2)).toBe('b 2');
});

it('says what is missing when nothing is connected', () => {
  const { payments } = connectedLater<Ports>('the provider').value;
  expect(() => payments.v1.charge(1)).toThrow(
    /the provider is not connected: `payments\.v1\.charge`.*`providers`/,
  );
});
