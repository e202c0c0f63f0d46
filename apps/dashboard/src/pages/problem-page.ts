import { html } from 'ghtml';
import { layout } from './layout.ts';

export function problemPage(title: string, detail: string): string {
  const main = html`<h1>${title}</h1>
<p>${detail}</p>
<p><a href="/">To the overview</a></p>`;
  return layout({ title, main });
}
