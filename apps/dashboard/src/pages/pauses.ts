import type { Pause } from '@holdfast/engine';
import { pauseText } from '@holdfast/run-view';
import { html } from 'ghtml';
import type { Operator } from '../plugins/login.ts';
import { confirmed } from './parts.ts';

/** What is paused, each with the way to end it. */
export function pauseNotices(pauses: readonly Pause[], now: number, operator: Operator): string {
  return pauses
    .map((pause, index) => {
      const resume = operator.role === 'admin' ? resumeForm(pause, index) : '';
      return html`<div class="notice bad" role="status"><p><b>${pauseText(pause, now)}</b> No new run of it begins; what runs goes on.</p>
!${resume}</div>`;
    })
    .join('');
}

function resumeForm({ tenant = '', flow = '' }: Pause, index: number): string {
  return confirmed({
    ...{ id: `resume-${index}`, summary: 'Resume…', button: 'Resume' },
    body: html`<p>What waited begins, in the order in which it came, as fast as workers take it.</p>`,
    action: '/pauses/resume',
    fields: { tenant, flow },
  });
}

/** A flow for a tenant, a flow for all, or a tenant as a whole. */
export function pauseForm(tenants: readonly string[], flows: readonly string[]): string {
  const options = (names: readonly string[]) => names.map((name) => html`<option>${name}</option>`);
  return confirmed({
    ...{ id: 'pause', summary: 'Pause a flow or a tenant…', button: 'Pause' },
    body: html`<p>No new run of it begins until it is resumed: submissions are accepted, and wait. What runs goes on, and its child runs with it unless it is their flow that is paused.</p>
<p><label>Flow <select name="flow"><option value="">all flows</option>!${options(flows)}</select></label>
<label>Tenant <select name="tenant"><option value="">all tenants</option>!${options(tenants)}</select></label></p>`,
    action: '/pauses',
  });
}
