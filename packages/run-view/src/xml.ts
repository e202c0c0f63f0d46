import { html } from 'ghtml';

/** A template whose values are escaped, but for those after a "!", which are markup already. */
export const xml: (
  literals: TemplateStringsArray,
  ...values: readonly (string | number | readonly string[])[]
) => string = html;

/** Leaves out what no XML document may hold, escaped or not. */
export function legal(text: string): string {
  return text.replaceAll(/[^\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/gu, '\u{fffd}');
}

/** To one decimal, which is finer than a screen shows. */
export function px(value: number): string {
  return String(Math.round(value * 10) / 10);
}

/** Cut in its middle when it is longer than fits. */
export function fitted(text: string, max: number): string {
  if (text.length <= max) return text;
  const head = Math.ceil((max - 1) / 2);
  return `${text.slice(0, head)}…${text.slice(text.length - (max - 1 - head))}`;
}
