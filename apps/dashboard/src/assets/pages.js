// Keeps a page up to date: when the server tells of a change, the page is fetched again and its main part replaced. Without this script
// everything works, only not by itself.
(() => {
  const main = document.querySelector('main');
  const stale = document.getElementById('stale');
  const url = location.pathname;
  const TICK_MS = 5_000;
  let source;
  let fetching = false;

  /** Somebody is about to decide something: nothing may move under their hands. */
  const isBusy = () => {
    const opened = main.querySelector('details.action[open]');
    const typing = document.activeElement?.closest('form');
    return Boolean(opened) || Boolean(typing && main.contains(typing));
  };

  const refresh = async () => {
    if (fetching || document.hidden) return;
    if (isBusy()) {
      stale.hidden = false;
      return;
    }
    fetching = true;
    try {
      const response = await fetch(url, { headers: { accept: 'text/html' } });
      if (!response.ok) return;
      const next = new DOMParser().parseFromString(await response.text(), 'text/html');
      const fresh = next.querySelector('main');
      if (fresh && !isBusy()) replace(fresh, next.title);
    } catch {
      // away: the stream of events will tell when it is back
    } finally {
      fetching = false;
    }
  };

  const replace = (fresh, title) => {
    for (const { id } of main.querySelectorAll('details[open][id]')) {
      fresh.querySelector(`#${CSS.escape(id)}`)?.setAttribute('open', '');
    }
    const focused = document.activeElement?.id;
    main.replaceChildren(...fresh.childNodes);
    for (const name of ['data-events', 'data-ticks']) {
      if (fresh.hasAttribute(name)) main.setAttribute(name, fresh.getAttribute(name));
      else main.removeAttribute(name);
    }
    if (focused) document.getElementById(focused)?.focus();
    document.title = title;
    stale.hidden = true;
    listen();
  };

  /** To what the page, as it stands now, is to be told. */
  const listen = () => {
    const events = main.dataset.events;
    if (source && source.url === new URL(events ?? '', location.href).href) return;
    source?.close();
    source = undefined;
    if (!events) return;
    source = new EventSource(events);
    source.addEventListener('changed', refresh);
  };

  if (!main.dataset.events) return;
  listen();
  setInterval(() => {
    if ('ticks' in main.dataset && !isBusy()) refresh();
  }, TICK_MS);
  document.addEventListener('visibilitychange', () => {
    if (!document.hidden) refresh();
  });
})();
