import { createColors } from 'picocolors';
import { expect, test } from 'vitest';
import { forTerminal } from '../src/io.ts';

const ESC = '\u001b';

test.each([
  ['moves the cursor', `order${ESC}[2K${ESC}[1A`, 'order\\u001b[2K\\u001b[1A'],
  ['changes the title', `${ESC}]0;owned\u0007`, '\\u001b]0;owned\\u0007'],
  ['hides text', `${ESC}[8mcharged twice`, '\\u001b[8mcharged twice'],
  ['begins with one byte', '\u009b2J', '\\u009b2J'],
  ['turns the text around', 'run\u202e321', 'run\\u202e321'],
  ['overwrites its line', 'dead\rfine', 'dead\\u000dfine'],
])('a sequence that %s is shown as what it is', (_, text, shown) => {
  expect(forTerminal(text)).toBe(shown);
});

test('our own colours, tabs and lines go through', () => {
  const { red, bold, dim } = createColors(true);
  const text = `${red('dead')} ${bold('order')}\t${dim('run_1')}\n`;
  expect(forTerminal(text)).toBe(text);
  expect(forTerminal('a\r\nb')).toBe('a\nb');
});

test('JSON means what it meant', () => {
  const value = { name: `x${ESC}[2J\u009b\u202e` };
  const shown = forTerminal(JSON.stringify(value));
  expect(JSON.parse(shown)).toEqual(value);
  expect([...shown].every((letter) => letter >= ' ' && letter <= '~')).toBe(true);
});
