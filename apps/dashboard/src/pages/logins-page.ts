import type { AuditEntry } from '@holdfast/operations';
import { html } from 'ghtml';
import type { Operator } from '../plugins/login.ts';
import { layout } from './layout.ts';
import { time } from './parts.ts';

const WORDS: Readonly<Record<string, string>> = {
  log_in: 'logged in',
  log_out: 'logged out',
  lock_out: 'was locked out after too many wrong passwords',
};

export function loginsPage({
  entries,
  operator,
  now,
}: {
  readonly entries: readonly AuditEntry[];
  readonly operator: Operator;
  readonly now: number;
}): string {
  const rows = entries.map(
    ({ at, actor, action, detail }) =>
      html`<tr><td class="when">!${time(at, now)}</td><td>${actor}</td><td>!${action === 'lock_out' ? html`<span class="step bad">${WORDS[action]}</span>` : html`${WORDS[action] ?? action}`}</td><td><code>${addressOf(detail)}</code></td></tr>
`,
  );
  const table =
    rows.length === 0
      ? html`<p class="quiet">Nobody has logged in yet.</p>`
      : html`<div class="scroll"><table>
<thead><tr><th class="when">When</th><th>User</th><th>What</th><th>Address</th></tr></thead>
<tbody>
!${rows}</tbody></table></div>
`;
  return layout({
    title: 'Logins',
    at: 'logins',
    operator,
    main: html`<h1>Logins</h1>
<p class="quiet">The last ${entries.length} log-ins, log-outs and lockouts. A log-in is noted every 12 hours for each user and address.</p>
!${table}`,
  });
}

export function loggedOutPage(): string {
  return layout({
    title: 'Logged out',
    main: html`<h1>You are logged out</h1>
<p><a href="/">Log in again</a></p>`,
  });
}

function addressOf(detail: AuditEntry['detail']): string {
  if (typeof detail !== 'object' || detail === null || !('address' in detail)) return '';
  return String(detail.address);
}
