import { counted } from '@holdfast/run-view';
import { html } from 'ghtml';
import { type FaultState, type PendingFault, SANDBOX_PROVIDERS } from '../fault-panel.ts';

/** Buttons that break something, and what is broken now. */
export function faultSection({ workers, pending }: FaultState): string {
  return html`<section id="faults"><h2>Break something</h2>
<p class="quiet">Only here, on your own machine. Submit a run, break something under it, and look at the run's page: what came of it is in its picture and its calls.</p>
<div class="faults">
!${button('kill-worker', 'Kill a worker', `SIGKILL to one of ${counted(workers, 'worker')}. Its runs go on elsewhere at once, and it is started again.`)}
!${pending ? providerButtons() : ''}
!${button('next-due', 'Make the next timer due', 'Ends the wait that is over next: a sleep, a retry, a limit or a later start.')}
</div>
!${pending ? pendingList(pending) : ''}</section>`;
}

function providerButtons(): string {
  return [
    onProvider(
      'take-down',
      'Take it down',
      'Every request is cut off until you bring it back. Calls are retried; a breaker opens.',
    ),
    onProvider(
      'lose-reply',
      'Lose its next reply',
      'The effect happens, and nobody hears of it: it is in doubt.',
    ),
    button('decline-card', 'Decline the next card', 'The next charge is refused; what was done is undone.'),
  ].join('');
}

function button(action: string, name: string, what: string): string {
  return html`<form method="post" action="/faults/${action}"><button>${name}</button><span class="quiet">${what}</span></form>
`;
}

function onProvider(action: string, name: string, what: string): string {
  const options = SANDBOX_PROVIDERS.map((provider) => html`<option>${provider}</option>`);
  return html`<form method="post" action="/faults/${action}"><select name="provider" aria-label="Provider">!${options}</select><button>${name}</button><span class="quiet">${what}</span></form>
`;
}

function pendingList(pending: readonly PendingFault[]): string {
  if (pending.length === 0) return html`<p class="quiet">Every provider is well.</p>`;
  const items = pending.map((fault) => html`<li><b>${fault.provider}</b> ${inWords(fault)}</li>`);
  return html`<ul class="pending">!${items}</ul>
<form method="post" action="/faults/bring-back"><button>Bring all back</button></form>
`;
}

function inWords({ fault, times, status }: PendingFault): string {
  switch (fault) {
    case 'reset_before_effect':
      return 'is down';
    case 'reset_after_effect':
      return times === 1 ? 'will lose its next reply' : `will lose its next ${times} replies`;
    case 'error':
      if (status === 402)
        return times === 1 ? 'will decline the next card' : `will decline the next ${times} cards`;
      return `will answer ${status} (${counted(times, 'time')})`;
    default:
      return `has the fault ${fault} (${counted(times, 'time')})`;
  }
}
