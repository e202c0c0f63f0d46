import type { Pause } from '@holdfast/engine';
import { moment } from '@holdfast/run-view';
import { html } from 'ghtml';

/** Of one run: why it has not begun. */
export function pausedNote(pause: Pause, now: number): string {
  const { tenant, flow } = pause;
  return html`<span class="step bad">${flow ?? `tenant ${tenant}`} paused since ${moment(pause.at, now)}</span>`;
}
