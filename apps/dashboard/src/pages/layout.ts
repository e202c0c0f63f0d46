import { randomUUID } from 'node:crypto';
import { html } from 'ghtml';
import type { Operator } from '../plugins/login.ts';
import { ICON, SCRIPT, STYLE } from './asset-files.ts';

export interface Page {
  readonly title: string;
  /** Absent for who is not logged in. */
  readonly operator?: Operator;
  /** Markup. */
  readonly main: string;
  readonly live?: Live;
  /** Which of the pages in the navigation it is; absent for a run's. */
  readonly at?: Place;
}

export type Place = 'overview' | 'runs' | 'dead' | 'webhooks' | 'tenants' | 'logins';

const PLACES: readonly (readonly [Place, string, string])[] = [
  ['overview', '/', 'Overview'],
  ['runs', '/runs', 'Runs'],
  ['dead', '/runs?status=dead', 'Dead letters'],
  ['webhooks', '/webhooks', 'Webhooks'],
  ['tenants', '/tenants', 'Tenants'],
];

/** How the script keeps a page up to date. The page needs none. */
export interface Live {
  /** Tells of changes, as server-sent events. */
  readonly events: string;
  /** Times on the page run on: it is fetched again every few seconds. */
  readonly ticks: boolean;
}

/** Once used it logs nobody out: a browser sends it again with the next password. */
function logOut(): string {
  return html` <a class="log-out" href="/logout?once=${randomUUID()}">Log out</a>`;
}

export function layout({ title, operator, main, live, at }: Page): string {
  const places: typeof PLACES =
    operator?.role === 'admin' ? [...PLACES, ['logins', '/logins', 'Logins']] : PLACES;
  const links = places.map(
    ([place, href, name]) =>
      html`<a href="${href}"!${place === at ? ' aria-current="page"' : ''}>${name}</a>`,
  );
  const attributes = live ? html` data-events="${live.events}"!${live.ticks ? ' data-ticks' : ''}` : '';
  const who = operator
    ? html`<span class="who">${operator.user}${operator.role === 'viewer' ? ' (read-only)' : ''}</span>!${operator.by === 'password' ? logOut() : ''}`
    : '';
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title} · Holdfast</title>
<link rel="icon" href="${ICON.path}">
<link rel="stylesheet" href="${STYLE.path}">
<script src="${SCRIPT.path}" defer></script>
</head>
<body>
<a class="skip" href="#main">Skip to the content</a>
<header>
<nav aria-label="Pages"><span class="home">Holdfast</span> !${links.join(' ')} <a href="/queues/">Queues</a></nav>
!${who}
</header>
<p id="stale" class="notice" role="status" hidden>This page is out of date. <a href="">Reload</a></p>
<main id="main" tabindex="-1"!${attributes}>
!${main}
</main>
</body>
</html>
`;
}
