import type { CallEvent, RequestSeen } from '@holdfast/engine';
import { inWords } from '@holdfast/run-view';
import { html } from 'ghtml';
import { time } from './parts.ts';

const MESSAGE_CHARS = 400;

/** One call that a step made, in a table of what happened. */
export function callRow(call: CallEvent, now: number): string {
  const { what, step, attempt, startedAt, at, key } = call;
  const name = { run: step, look_up: `${step}: looked up`, undo: `${step}: undo` }[what];
  return html`<tr><td class="when">!${time(startedAt, now)}<br><span class="quiet clock">${new Date(startedAt).toISOString().slice(11, 23)}</span></td><th scope="row">${name}<br><span class="quiet">attempt ${attempt}</span></th><td class="why">!${outcomeText(call)}</td><td class="number" data-label="took">${inWords(at - startedAt)}</td><td class="sent">!${sentText(call)}<br><code class="key" title="Idempotency-Key: ${key}">${keyTail(key)}</code></td></tr>
`;
}

/** How a call ended, in words; its colour says it again. */
function outcomeText({ what, outcome, error, putOff, startedAt, at, until }: CallEvent): string {
  const words = putOff ? 'put off' : what === 'look_up' ? LOOKED_UP[outcome] : CALLED[outcome];
  const state =
    outcome === 'ok'
      ? 'completed'
      : outcome === 'none'
        ? 'none'
        : outcome === 'in_doubt' || outcome === 'cut_off'
          ? 'in_doubt'
          : 'failed';
  const why = error
    ? html` <code>${error.code}</code> <span class="message">${error.message.slice(0, MESSAGE_CHARS)}${error.message.length > MESSAGE_CHARS ? '…' : ''}</span>`
    : '';
  const from = putOff ? startedAt : at;
  const again =
    until === undefined
      ? ''
      : html` <span class="quiet">next after ${inWords(Math.max(0, until - from))}</span>`;
  return html`<span class="step t-${putOff ? 'waiting' : state}">${words}</span>!${why}!${again}`;
}

const CALLED: Readonly<Record<CallEvent['outcome'], string>> = {
  ok: 'done',
  none: 'nothing there',
  rejected: 'refused',
  misconfigured: 'misconfigured',
  unavailable: 'failed, nothing happened',
  throttled: 'refused by a limit',
  in_doubt: 'in doubt',
  bug: 'bug',
  cut_off: 'cut off: the worker was lost',
};

const LOOKED_UP: Readonly<Record<CallEvent['outcome'], string>> = {
  ...CALLED,
  ok: 'it happened',
  none: 'nothing there',
  unavailable: 'no answer',
  in_doubt: 'no answer',
};

/** Whether it was sent, and each request as it was seen on the wire. */
function sentText({ sent, requests = [] }: CallEvent): string {
  if (requests.length > 0) return requests.map(requestText).join('<br>');
  return sent === undefined
    ? '<span class="quiet">not known here</span>'
    : sent
      ? 'sent'
      : 'nothing was sent';
}

function requestText({ what, sent, status, code, requestId }: RequestSeen): string {
  const came = status === undefined ? (code ?? '') : String(status);
  const id =
    requestId === undefined ? '' : html` <code title="The provider's id of this request">${requestId}</code>`;
  return html`<span class="request">${what}</span> ${sent ? came : 'not sent'}!${id}`;
}

/** A key without the run's id, which stands above. */
function keyTail(key: string): string {
  return key.slice(key.indexOf(':') + 1);
}
